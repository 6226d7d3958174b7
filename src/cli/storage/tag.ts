import { explainedStartError, StartError } from '../../composition/start-error.ts'
import type { Config } from '../../config/config.ts'
import { createLog } from '../../observe/create-log.ts'
import { standardError } from '../../observe/standard-stream.ts'
import { type PastMove, readTagHistory, restoreTag } from '../../operating/tag-past.ts'
import { CommandError } from '../command-error.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { minuteOf, shown } from './deletion-report.ts'
import { loadServedConfig } from './served-config.ts'

export interface TagOptions {
  readonly config?: string
  /** So many moves ago. */
  readonly back?: string
}

/** Prints how a tag moved. Throws CommandError. */
export async function tagHistory(target: string, options: TagOptions): Promise<void> {
  const moves = await asked(options, 'read the history', async (config, log, request) => {
    return await readTagHistory(config, log, { target, ...request })
  })
  for (const move of moves) writeMove(move)
  if (moves.length === 0) writeLine('Nothing is known of this tag.')
  await exitWhenRead(0)
}

/** Points a tag to what it pointed to before. Throws CommandError. */
export async function tagRestore(target: string, digest: string | undefined, options: TagOptions): Promise<void> {
  const { back } = options
  if ((digest === undefined) === (back === undefined))
    throw new CommandError('failed to restore the tag: write either a digest or --back <moves>.')
  const to = digest === undefined ? { back: back ?? '' } : { digest }
  const restored = await asked(options, 'restore the tag', async (config, log, request) => {
    return await restoreTag(config, log, { target, to, ...request })
  })
  writeLine(`${target} points to ${restored}`)
  await exitWhenRead(0)
}

interface Asked {
  readonly signal: AbortSignal
  readonly onUnreadable: (path: string) => void
}

async function asked<Result>(
  { config: path }: TagOptions,
  what: string,
  work: (config: Config, log: ReturnType<typeof createLog>, request: Asked) => Promise<Result>,
): Promise<Result> {
  ensureRuntimeSettings()
  const config = loadServedConfig(path)
  const log = createLog({ ...config.log, level: 'error' }, standardError())
  const onUnreadable = (file: string) =>
    void process.stderr.write(`${JSON.stringify(file)} has what this version cannot read, and that was passed over.\n`)
  try {
    return await work(config, log, { signal: endOnSignal(), onUnreadable })
  } catch (error) {
    const known = await explainedStartError(error, config)
    if (known instanceof StartError) throw new CommandError(`failed to ${what}: ${known.message}`, { cause: error })
    throw known
  }
}

/** One line for a script: the time, the digest, whether that manifest is there, and the name of the caller. */
function writeMove({ atMs, by, digest, how, state }: PastMove): void {
  const now = typeof state === 'string' ? state : `until ${minuteOf(state.untilMs)}`
  const where = digest === undefined ? 'deleted' : `${digest}  ${now}`
  const who = how === undefined ? 'not recorded' : `${shown(how)}${by === undefined ? '' : ` by ${shown(by)}`}`
  writeLine(`${new Date(atMs).toISOString()}  ${where}  (${who})`)
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`)
}
