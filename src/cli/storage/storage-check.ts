import { checkStorage } from '../../composition/storage-check.ts'
import { loadConfig } from '../../config/load-config.ts'
import { createLog } from '../../observe/create-log.ts'
import { standardError } from '../../observe/standard-stream.ts'
import type { StepResult } from '../../storage/check-step.ts'
import { exitWhenRead } from '../exit.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { findServedConfigPath } from '../serve/served-config.ts'
import { describeStorage } from './described-storage.ts'

export interface StorageCheckOptions {
  readonly json?: boolean
}

/** Tries the storage that a server with this configuration would have, and says how it went. Exit code 1 when a step fails. */
export async function storageCheck(configPath: string | undefined, { json = false }: StorageCheckOptions): Promise<void> {
  ensureRuntimeSettings()
  const { config } = loadConfig({ path: configPath ?? findServedConfigPath(), environment: process.env })
  const log = createLog({ ...config.log, level: 'error' }, standardError())
  const results: StepResult[] = []
  if (!json) process.stdout.write(`The storage is ${describeStorage(config)}.\n`)
  for await (const result of checkStorage(config, log)) {
    results.push(result)
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${describeResult(result)}\n`)
  }
  if (!json) process.stdout.write(`${describeAll(results)}\n`)
  await exitWhenRead(results.some(({ result }) => result === 'failed') ? 1 : 0)
}

function describeResult(result: StepResult): string {
  switch (result.result) {
    case 'passed':
      return `  ok          ${result.step}${result.note === undefined ? '' : `: ${result.note}`}`
    case 'limited':
      return `  limited     ${result.step}: ${result.reason}`
    case 'failed':
      return `  FAILED      ${result.step}: ${result.reason}`
    case 'not tried':
      return `  not tried   ${result.step}`
  }
}

function describeAll(results: readonly StepResult[]): string {
  const count = (wanted: StepResult['result']) => results.filter(({ result }) => result === wanted).length
  const failed = count('failed')
  if (failed > 0) return `${failed} of ${results.length} steps failed: mend that before a registry serves from here.`
  const limited = count('limited')
  return limited > 0 ? `A registry can serve from here, with ${limited} limits.` : 'A registry can serve from here.'
}
