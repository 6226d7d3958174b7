import { explainedStartError, StartError } from '../../composition/start-error.ts'
import type { Config } from '../../config/config.ts'
import { createLog } from '../../observe/create-log.ts'
import { standardError } from '../../observe/standard-stream.ts'
import { listDeleted, undelete } from '../../operating/deleting/undeletion.ts'
import { CommandError } from '../command-error.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { loadServedConfig } from './served-config.ts'
import { writeListEnd, writeRecord, writeRestored } from './undeletion-report.ts'

export interface UndeleteOptions {
  readonly config?: string
  /** The tag to set in place of the deleted ones. */
  readonly tag?: string
}

/** Brings back what was deleted. Without a name, or with `list`, it prints what can be brought back. Throws CommandError. */
export async function undeleteCommand(name: string | undefined, options: UndeleteOptions): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(options.config)
  if (name === undefined || name === 'list') {
    if (options.tag !== undefined)
      throw new CommandError('failed to undelete: --tag needs the name of what is to be brought back.')
    await explained(config, (signal) => list(config, signal))
  } else await explained(config, (signal) => bringBack(config, name, options.tag, signal))
  await exitWhenRead(0)
}

async function list(config: Config, signal: AbortSignal): Promise<void> {
  let records = 0
  const told = (record: Parameters<typeof writeRecord>[1]) => {
    records += 1
    writeRecord(writeLine, record)
  }
  await listDeleted(config, quietLog(config), { told, onUnreadable: warnOf, signal })
  writeListEnd(writeLine, records)
}

async function bringBack(config: Config, target: string, tag: string | undefined, signal: AbortSignal): Promise<void> {
  const refused: string[] = []
  await undelete(config, quietLog(config), {
    ...{ target, tag, signal },
    onRestored: (restored) => writeRestored(writeLine, restored),
    onRefused: (reason) => refused.push(reason),
    onUnreadable: warnOf,
  })
  if (refused.length > 0) throw new CommandError(`failed to undelete: ${refused.join('\n')}`)
}

async function explained(config: Config, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const ending = endOnSignal()
  try {
    await work(ending)
  } catch (error) {
    if (ending.aborted) return writeLine('Ended by a signal; what is back is back, and the same command goes on with the rest.')
    const known = await explainedStartError(error, config)
    if (known instanceof StartError) throw new CommandError(`failed to undelete: ${known.message}`, { cause: error })
    throw known
  }
}

/** What stands beside the lines for scripts is news only when it goes wrong. */
function quietLog(config: Config) {
  return createLog({ ...config.log, level: 'error' }, standardError())
}

function warnOf(path: string): void {
  process.stderr.write(`${JSON.stringify(path)} is no record that this version can read, and was passed over.\n`)
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`)
}
