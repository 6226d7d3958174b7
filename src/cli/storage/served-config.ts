import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load-config.ts'
import { findServedConfigPath } from '../serve/served-config.ts'

/** A command works with the configuration of the server: the file at the path, or in a container the file that the server there was started with. */
export function loadServedConfig(path: string | undefined): Config {
  return loadConfig({ path: path ?? findServedConfigPath(), environment: process.env }).config
}
