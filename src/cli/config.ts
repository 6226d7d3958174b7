import { renderSettings } from '../config/effective.ts'
import { loadConfig } from '../config/load-config.ts'

/** Prints the configuration that `berth serve` would serve with, and what is to be known about it. Throws ConfigError. */
export function printConfig(configPath: string | undefined): void {
  const { settings, notices } = loadConfig({ path: configPath, environment: process.env })
  process.stdout.write(renderSettings(settings))
  for (const notice of notices) process.stderr.write(`berth: ${notice}\n`)
}
