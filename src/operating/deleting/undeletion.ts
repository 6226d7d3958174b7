import { StartError } from '../../composition/start-error.ts'
import type { Config } from '../../config/config.ts'
import { ownWork } from '../../observe/actor.ts'
import type { Log } from '../../observe/log.ts'
import { TagsMoved } from '../../registry/content/manifest-restoration.ts'
import { ContentGone, NoSuchDeletion, type Restored } from '../../registry/deleting/undeletion.ts'
import type { DeletedRecord } from '../../registry/records/deleted-record.ts'
import { withContent } from '../content-registry.ts'
import { tagFor, undeletableOf } from './undeletion-words.ts'

export type { DeletedRecord, Restored }

export interface ListRequest {
  readonly told: (record: DeletedRecord) => void
  /** Is told of a file among the records that is not a record. */
  readonly onUnreadable: (path: string) => void
  readonly signal: AbortSignal
}

export interface UndeleteRequest {
  /** The id of a deletion, or what was deleted. */
  readonly target: string
  /** The tag to set in place of the deleted ones. */
  readonly tag: string | undefined
  readonly onRestored: (restored: Restored) => void
  /** Of all of a repository: why one manifest is not brought back. */
  readonly onRefused: (reason: string) => void
  readonly onUnreadable: (path: string) => void
  readonly signal: AbortSignal
}

/** Tells every deletion that can still be undone, the newest first. Throws StartError. */
export async function listDeleted(config: Config, log: Log, { told, onUnreadable, signal }: ListRequest): Promise<void> {
  await withContent(config, log, signal, async ({ registry, signal }) => {
    for await (const record of registry.records.newestFirst(signal, onUnreadable)) if (record.untilMs > Date.now()) told(record)
  })
}

/** Brings back what was deleted, beside a server or while none runs. Throws StartError. */
export async function undelete(config: Config, log: Log, request: UndeleteRequest): Promise<void> {
  const what = undeletableOf(request.target)
  const tag = tagFor(what, request.tag)
  await withContent(config, log, request.signal, async ({ registry, signal }) => {
    if (config.storage.readOnly)
      throw new StartError(
        'storage.maintenance.readonly.enabled is true: nothing is brought back while the storage is to stay as it is.',
      )
    const { onRestored, onRefused, onUnreadable } = request
    const undeletion = registry.changes.undeletion({
      actor: ownWork('berth undelete'),
      onGone: (gone) => onRefused(sentenceOf(gone)),
      ...{ signal, onRestored, onUnreadable },
    })
    await explained(async () => await undeletion.bringBack(what, tag))
  })
}

async function explained(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof NoSuchDeletion)
      throw new StartError(
        'No such deletion is known: it never was, has been undone, or was longer ago than the grace of the collector.',
        {
          cause: error,
        },
      )
    if (error instanceof ContentGone) throw new StartError(sentenceOf(error), { cause: error })
    if (error instanceof TagsMoved) {
      const moved = error.moved.map(({ tag, digest }) => `${tag} points to ${digest}`).join(', ')
      throw new StartError(`${moved} by now, and stays so; --tag brings it back under another tag.`, { cause: error })
    }
    throw error
  }
}

/** How many digests a refusal names. */
const NAMED_AT_MOST = 5

function sentenceOf({ repository, digest, missing }: ContentGone): string {
  const named = missing.slice(0, NAMED_AT_MOST).join(', ')
  const more = missing.length > NAMED_AT_MOST ? ` and ${missing.length - NAMED_AT_MOST} more` : ''
  return `${repository}@${digest} cannot be brought back, for content of it is not there any more: ${named}${more}; push it again.`
}
