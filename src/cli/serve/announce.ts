import type { Config } from '../../config/config.ts'
import type { LoadedConfig } from '../../config/load-config.ts'
import { isLoopback } from '../../config/words/listen-address.ts'
import type { Log } from '../../observe/log.ts'
import { version } from '../../runtime/version.ts'

function placeOf(driver: Config['storage']['driver']): string {
  switch (driver.kind) {
    case 'filesystem':
      return driver.rootDirectory
    case 's3':
      return `the bucket ${driver.bucket}`
    case 'inmemory':
      return 'memory'
  }
}

interface Serving {
  readonly url: string
  readonly processes: number
}

/** The log line is for the logs; the sentences are for a person who tries Berth without a configuration. */
export function announce({ config, path }: LoadedConfig, { url, processes }: Serving, log: Log): void {
  const { driver } = config.storage
  const storage = placeOf(driver)
  log.info('listening', { url, storage, version, processes, ...(path === undefined ? {} : { config: path }) })
  if (path !== undefined) return
  process.stdout.write(`Berth ${version} serves ${url} and keeps its data in ${storage}.\n`)
  if (isLoopback(config.http.listen)) {
    process.stdout.write(
      'Only this machine can reach it; to open it to others, start it with REGISTRY_HTTP_ADDR=:5000 or a config.yml.\n',
    )
  }
}
