import type { Config } from '../config/config.ts'

/** More would only wait for each other at the metadata database. */
const MOST_BY_DEFAULT = 4

/** How many processes serve: what the configuration says, else one per core; one where they could not share a port or the data. */
export function processCount(config: Config, cores: number, platform: NodeJS.Platform): number {
  if (config.storage.driver.kind === 'inmemory' || config.http.listen.kind === 'unix') return 1
  // Elsewhere SO_REUSEPORT exists but gives every connection to the last process.
  if (platform !== 'linux') return 1
  return config.http.processes ?? Math.min(cores, MOST_BY_DEFAULT)
}
