import { explainedStartError, StartError } from '../../composition/start-error.ts'
import type { Config } from '../../config/config.ts'
import { createLog } from '../../observe/create-log.ts'
import { standardError } from '../../observe/standard-stream.ts'
import { collectGarbage, confirmCollection, readCollectorState } from '../../operating/collection.ts'
import { CommandError } from '../command-error.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { markingLines, writeOutcome, writePlan, writeState } from './collect-report.ts'
import { loadServedConfig } from './served-config.ts'

export interface GarbageCollectOptions {
  readonly dryRun?: boolean
  readonly deleteUntagged?: boolean
  readonly quiet?: boolean
  /** Without the grace. */
  readonly now?: boolean
}

export interface GcOptions extends GarbageCollectOptions {
  readonly status?: boolean
  /** The set that the brake held back, as the log names it. */
  readonly confirm?: string
}

/** registry:2's command, beside a running server or without one. Throws CommandError. */
export async function garbageCollect(configPath: string | undefined, options: GarbageCollectOptions): Promise<void> {
  ensureRuntimeSettings()
  await collect(loadServedConfig(configPath), options)
}

/** `berth gc`: the same with shorter words, and what the server's own collector last did. Throws CommandError. */
export async function gc(configPath: string | undefined, { status = false, confirm, ...options }: GcOptions): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(configPath)
  if (confirm !== undefined) {
    await explained(config, () => confirmCollection(config, quietLog(config), confirm))
    writeLine(`The next pass of the server collects the set ${confirm}, unless another one is due by then.`)
    return await exitWhenRead(0)
  }
  if (!status) return await collect(config, { quiet: true, ...options })
  writeState(writeLine, await explained(config, () => readCollectorState(config, quietLog(config))))
  await exitWhenRead(0)
}

async function collect(config: Config, options: GarbageCollectOptions): Promise<void> {
  const { dryRun = false, deleteUntagged: removesUntagged = false, quiet = false, now = false } = options
  const ending = endOnSignal()
  const told = markingLines(writeLine, quiet)
  const onPlan = (plan: Parameters<typeof writePlan>[1]) => writePlan(writeLine, plan)
  const work = () => collectGarbage(config, quietLog(config), { removesUntagged, dryRun, now, told, onPlan, signal: ending })
  try {
    const result = await explained(config, work)
    if (result.plan === undefined) throw failure(`nothing was removed, because ${result.because}`)
    writeOutcome(writeLine, result, dryRun)
  } catch (error) {
    if (!ending.aborted) throw error
    writeLine('Ended by a signal between two batches; the next run goes on.')
  }
  await exitWhenRead(0)
}

async function explained<Result>(config: Config, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const known = await explainedStartError(error, config)
    if (known instanceof StartError || known instanceof Error) throw failure(known.message, known)
    throw known
  }
}

function failure(reason: string, cause?: unknown): CommandError {
  return new CommandError(`failed to garbage collect: ${reason}`, { cause })
}

/** What stands beside the lines for scripts is news only when it goes wrong. */
function quietLog(config: Config) {
  return createLog({ ...config.log, level: 'error' }, standardError())
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`)
}
