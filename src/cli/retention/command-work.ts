import { explainedStartError, StartError } from '../../composition/start-error.ts'
import type { Config } from '../../config/config.ts'
import { createLog } from '../../observe/create-log.ts'
import type { Log } from '../../observe/log.ts'
import { standardError } from '../../observe/standard-stream.ts'
import { CommandError } from '../command-error.ts'

/** What stands beside the lines for scripts is news only when it goes wrong. */
export function quietLog(config: Config): Log {
  return createLog({ ...config.log, level: 'error' }, standardError())
}

/** A work that cannot begin ends the command with a sentence behind these words. Throws CommandError. */
export async function explained<Result>(config: Config, failed: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const known = await explainedStartError(error, config)
    if (known instanceof StartError) throw new CommandError(`${failed}: ${known.message}`, { cause: error })
    throw known
  }
}

export function writeLine(line: string): void {
  process.stdout.write(`${line}\n`)
}
