import { explainedStartError, StartError } from '../../composition/start-error.ts'
import type { Config } from '../../config/config.ts'
import { createLog } from '../../observe/create-log.ts'
import { standardError } from '../../observe/standard-stream.ts'
import { checkContent, removeUnservable } from '../../operating/checking.ts'
import { CommandError } from '../command-error.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { loadServedConfig } from '../storage/served-config.ts'
import { type CheckReport, jsonReport, textReport } from './check-report.ts'

export interface CheckOptions {
  /** Mend what can be mended without loss, and move wrong bytes aside. */
  readonly repair?: boolean
  /** A tag or a manifest that cannot be pulled. */
  readonly remove?: string
  readonly json?: boolean
}

/** Prints what is damaged in a storage. Exit code 1 when something is, and stays so. Throws CommandError. */
export async function check(
  configPath: string | undefined,
  { repair = false, remove, json = false }: CheckOptions,
): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(configPath)
  const ending = endOnSignal()
  const log = createLog({ ...config.log, level: 'error' }, standardError())
  if (remove !== undefined) {
    const tags = await explained(config, () => removeUnservable(config, log, remove, ending))
    process.stdout.write(`Removed ${[remove, ...tags.filter((tag) => !remove.endsWith(`:${tag}`))].join(', with the tag ')}.\n`)
    return await exitWhenRead(0)
  }
  const report: CheckReport = json ? jsonReport() : textReport(repair)
  const { onFinding, onProgress } = report
  try {
    const work = () => checkContent(config, log, { repairs: repair, onFinding, onProgress, signal: ending })
    const result = await explained(config, work)
    report.end(result)
    await exitWhenRead(result.open > 0 ? 1 : 0)
  } catch (error) {
    if (!ending.aborted) throw error
    process.stderr.write('Ended by a signal: what is told above is not all there is.\n')
    await exitWhenRead(1)
  }
}

async function explained<Result>(config: Config, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const known = await explainedStartError(error, config)
    if (known instanceof StartError) throw new CommandError(`failed to check: ${known.message}`, { cause: error })
    throw known
  }
}
