import { explainedStartError, StartError } from '../../composition/start-error.ts'
import type { Config } from '../../config/config.ts'
import { createLog } from '../../observe/create-log.ts'
import { standardError } from '../../observe/standard-stream.ts'
import { type Deleted, type DeletionPreview, deleteContent } from '../../operating/deleting/deletion.ts'
import { CommandError } from '../command-error.ts'
import { endOnSignal, exitWhenRead } from '../exit.ts'
import { ensureRuntimeSettings } from '../serve/re-execute.ts'
import { writeDeleted, writeFound, writePreview } from './deletion-report.ts'
import { loadServedConfig } from './served-config.ts'

export interface DeleteOptions {
  readonly config?: string
  readonly repositories?: string
  readonly tags?: string
  readonly olderThan?: string
  readonly force?: boolean
  readonly dryRun?: boolean
  /** Delete what is there now. */
  readonly yes?: boolean
  /** Delete what a preview showed, if it is still the same. */
  readonly token?: string
}

/** Prints what would go, and deletes it with `--yes` or the token of a preview. Throws CommandError. */
export async function deleteCommand(target: string | undefined, options: DeleteOptions): Promise<void> {
  ensureRuntimeSettings()
  const config = loadServedConfig(options.config)
  const ending = endOnSignal()
  const { repositories, tags, olderThan, force: isForced = false, yes = false, token } = options
  let shown: DeletionPreview | undefined
  const onPreview = (preview: DeletionPreview) => {
    shown = preview
    writePreview(writeLine, preview)
    if (preview.namedBy.length > 0 && !isForced && (yes || token !== undefined)) throw refused(preview)
    if (token !== undefined && token !== preview.token) throw changed()
    return yes || token !== undefined
  }
  const onDeleted = (name: string) => writeLine(`deleted ${name}`)
  const told = (found: Parameters<typeof writeFound>[1]) => writeFound(writeLine, found)
  const log = createLog({ ...config.log, level: 'error' }, standardError())
  const words = { target, repositories, tags, olderThan }
  try {
    const work = () => deleteContent(config, log, { words, isForced, told, onPreview, onDeleted, signal: ending })
    const deleted = await explained(config, work)
    if (shown !== undefined) writeEnd(shown, deleted)
  } catch (error) {
    if (!ending.aborted) throw error
    writeLine('Ended by a signal between two removals; what is deleted is deleted, and the same command goes on with the rest.')
  }
  await exitWhenRead(0)
}

function writeEnd(preview: DeletionPreview, deleted: Deleted | undefined): void {
  const isNothing = preview.tags + preview.manifests === 0
  if (deleted !== undefined) writeDeleted(writeLine, deleted, preview)
  else
    writeLine(
      isNothing
        ? `${preview.kept > 0 ? 'All of it stays' : 'Nothing fits'}, and nothing was deleted.`
        : `Nothing was deleted. To delete this: --token ${preview.token}`,
    )
}

async function explained<Result>(config: Config, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const known = await explainedStartError(error, config)
    if (known instanceof StartError) throw new CommandError(`failed to delete: ${known.message}`, { cause: error })
    throw known
  }
}

function refused({ namedBy }: DeletionPreview): CommandError {
  return new CommandError(
    `failed to delete: the manifest is part of ${namedBy.join(', ')}, which could not be pulled any more; delete that first, or add --force.`,
  )
}

function changed(): CommandError {
  return new CommandError(
    'failed to delete: what would go has changed since the preview with this token; nothing was deleted, look again.',
  )
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`)
}
