import { explainedStartError, StartError } from '../../composition/start-error.ts'
import type { Config } from '../../config/config.ts'
import { createLog } from '../../observe/create-log.ts'
import { standardError } from '../../observe/standard-stream.ts'
import { type CountedQuotas, type QuotasRequest, readQuotas } from '../../operating/quotas.ts'
import { CommandError } from '../command-error.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { writeQuotaObjects, writeQuotas } from './quota-report.ts'
import { loadServedConfig } from './served-config.ts'

export interface QuotaOptions {
  readonly json?: boolean
  readonly check?: boolean
}

/** Prints how full the quotas are. Throws CommandError, also when a new count differs from the stored one. */
export async function quota(configPath: string | undefined, { json = false, check = false }: QuotaOptions): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(configPath)
  const counted = await explained(config, { isChecked: check, signal: endOnSignal() })
  if (json) writeQuotaObjects(writeLine, counted)
  else writeQuotas(writeLine, counted)
  const wrong = counted.quotas.filter(
    ({ usedBytes, recountedBytes }) => recountedBytes !== undefined && recountedBytes !== usedBytes,
  )
  if (wrong.length > 0) {
    const numbers = wrong.map(
      ({ name, usedBytes, recountedBytes }) => `${name}: ${usedBytes} bytes are kept and ${recountedBytes} are there`,
    )
    throw new CommandError(
      `the count is wrong, which it must never be: ${numbers.join('; ')}. Report it; another name for the quota counts anew.`,
    )
  }
  if (check && !json) writeLine('Each of them was counted anew, with the same result.')
  await exitWhenRead(0)
}

async function explained(config: Config, request: QuotasRequest): Promise<CountedQuotas> {
  const log = createLog({ ...config.log, level: 'error' }, standardError())
  try {
    return await readQuotas(config, log, request)
  } catch (error) {
    const known = await explainedStartError(error, config)
    if (known instanceof StartError) throw new CommandError(`failed to read the quotas: ${known.message}`, { cause: error })
    throw known
  }
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`)
}
