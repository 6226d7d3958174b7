import { StartError } from '../../composition/start-error.ts'
import { copyBetween } from '../../composition/storage-commands.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load-config.ts'
import { createLog } from '../../observe/create-log.ts'
import type { Log } from '../../observe/log.ts'
import { standardError } from '../../observe/standard-stream.ts'
import { type CopyProblem, describeProblem, noProgress } from '../../storage-copy/copy-progress.ts'
import { CommandError } from '../command-error.ts'
import { exitWhenRead } from '../exit.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { type CopyReport, jsonReport, textReport } from './copy-report.ts'

export interface StorageCopyOptions {
  readonly from: string
  readonly to: string
  readonly json?: boolean
}

const REPORT_EVERY_MS = 1_000

/** Copies a storage to another one and says how far it is. Exit code 1 when something could not be copied; throws CommandError. */
export async function storageCopy({ from, to, json = false }: StorageCopyOptions): Promise<void> {
  ensureRuntimeSettings()
  const [source, target] = [readConfig(from), readConfig(to)]
  const progress = noProgress()
  const report = json ? jsonReport(progress) : textReport(progress)
  const onProblem = (problem: CopyProblem) => {
    progress.problems += 1
    report.problem(problem, describeProblem(problem))
  }
  const timer = setInterval(() => report.progress(), REPORT_EVERY_MS)
  try {
    await copyBetween({ from: source, to: target, progress, onProblem, signal: endOnSignal(), log: quietLog() })
    report.end()
  } catch (error) {
    throw interrupted(error, report)
  } finally {
    clearInterval(timer)
  }
  await exitWhenRead(progress.problems > 0 ? 1 : 0)
}

/** REGISTRY_* names one storage, and would name it for both sides: here the files say it all. */
function readConfig(path: string): Config {
  return loadConfig({ path, environment: {} }).config
}

/** What a storage has to say, as that a request is tried again, is news only when it goes wrong. */
function quietLog(): Log {
  const { log } = loadConfig({ path: undefined, environment: {} }).config
  return createLog({ ...log, level: 'error' }, standardError())
}

/** The first signal ends the copy in order, the second at once. */
function endOnSignal(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => controller.abort(new CommandError('Interrupted. Run the same command again to go on.')))
  }
  return controller.signal
}

function interrupted(cause: unknown, report: CopyReport): unknown {
  report.progress()
  if (cause instanceof CommandError || cause instanceof StartError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new CommandError(`The copy ended early: ${reason} Run the same command again to go on.`, { cause })
}
