import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load-config.ts'
import { findServedConfigPath } from '../serve/served-config.ts'

/** The configuration of the server on whose storage a command works; without a path, inside a container, the one that is served. */
export function loadServedConfig(path: string | undefined): Config {
  return loadConfig({ path: path ?? findServedConfigPath(), environment: process.env }).config
}
