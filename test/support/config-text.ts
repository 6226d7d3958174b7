import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from '../../src/config/config-error.ts'
import type { Environment } from '../../src/config/environment.ts'
import { type LoadedConfig, loadConfig } from '../../src/config/load-config.ts'

interface Circumstances {
  readonly environment?: Environment
  readonly strict?: boolean
}

/** Loads a configuration file that holds a text. */
export function loadText(text: string, { environment = {}, strict }: Circumstances = {}): LoadedConfig {
  const folder = mkdtempSync(join(tmpdir(), 'berth-config-'))
  const path = join(folder, 'config.yml')
  writeFileSync(path, text)
  try {
    return loadConfig({ path, environment, ...(strict === undefined ? {} : { strict }) })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The lines of the error without the first, which names the file; none when the configuration can be used. */
export function problemsOf(text: string, circumstances: Circumstances = {}): string[] {
  try {
    loadText(text, circumstances)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const lines = error.message.split('\n').slice(1)
    return lines.map((line) => withoutFolder(line.trim()))
  }
}

/** What is to be known about a configuration that can be used. */
export function noticesOf(text: string, circumstances: Circumstances = {}): string[] {
  return loadText(text, circumstances).notices.map(withoutFolder)
}

function withoutFolder(line: string): string {
  return line.replace(/\S+\/config\.yml/g, 'config.yml')
}
