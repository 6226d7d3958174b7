import { StartError } from '../composition/start-error.ts'
import type { Config } from '../config/config.ts'
import { ownWork } from '../observe/actor.ts'
import type { Log } from '../observe/log.ts'
import { type Digest, findDigest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'
import { ReferencesMissing } from '../registry/content/reference-check.ts'
import type { TagTarget } from '../registry/deleting/content-changes.ts'
import type { PastMove } from '../registry/deleting/past-of-tag.ts'
import { KeptContent } from '../registry/keeping/tag-guard.ts'
import { type ContentRegistry, withContent } from './content-registry.ts'
import { selectionOf } from './deleting/deletion-words.ts'

export type { PastMove }

export interface TagPastRequest {
  /** `<repository>:<tag>`. */
  readonly target: string
  /** A file among the records that is none. */
  readonly onUnreadable: (path: string) => void
  readonly signal: AbortSignal
}

export interface TagRestoreRequest extends TagPastRequest {
  /** Where the tag is to point: a digest, or where it pointed so many moves ago. */
  readonly to: { readonly digest: string } | { readonly back: string }
}

/** How the tag moved, the newest move first. Throws StartError. */
export async function readTagHistory(config: Config, log: Log, request: TagPastRequest): Promise<readonly PastMove[]> {
  const { repository, tag } = tagOf(request.target)
  return await withContent(config, log, request.signal, async (opened) => {
    const past = await pastIn(opened, repository, request)
    return (await past.of(repository, tag)).moves
  })
}

/** Points the tag to what it pointed to before, where that is still there. Gives the digest. Throws StartError. */
export async function restoreTag(config: Config, log: Log, request: TagRestoreRequest): Promise<Digest> {
  const { repository, tag } = tagOf(request.target)
  const { to } = request
  const known = 'digest' in to ? digestOf(to.digest) : undefined
  const moves = 'back' in to ? movesOf(to.back) : 0
  return await withContent(config, log, request.signal, async (opened) => {
    if (config.storage.readOnly)
      throw new StartError('storage.maintenance.readonly.enabled is true: no tag moves while the storage is to stay as it is.')
    const digest = known ?? (await (await pastIn(opened, repository, request)).back(repository, tag, moves))
    if (digest === undefined)
      throw new StartError(
        `It is not known where ${repository}:${tag} pointed ${moves} moves ago; berth tag history says what is.`,
      )
    await restored(opened, repository, { tag, digest })
    return digest
  })
}

async function restored({ registry, signal }: ContentRegistry, repository: RepositoryName, target: TagTarget) {
  try {
    await registry.changes.restoreTag(repository, target, { actor: ownWork('berth tag restore'), signal })
  } catch (error) {
    if (error instanceof KeptContent) throw new StartError(error.message, { cause: error })
    if (!(error instanceof ReferencesMissing)) throw error
    throw new StartError(
      `${repository}@${target.digest} has gone, or a part of it: ${error.missing.join(', ')}; berth undelete brings back what was deleted within the grace, else push it again.`,
      { cause: error },
    )
  }
}

async function pastIn({ registry, signal }: ContentRegistry, repository: RepositoryName, { onUnreadable }: TagPastRequest) {
  return await registry.changes.past(repository, { signal, onUnreadable })
}

function tagOf(target: string): { readonly repository: RepositoryName; readonly tag: Tag } {
  const selection = selectionOf({ target, repositories: undefined, tags: undefined })
  if (selection.kind === 'tag') return selection
  throw new StartError(`${JSON.stringify(target)} names no tag; write <repository>:<tag>.`)
}

function digestOf(text: string): Digest {
  const digest = findDigest(text)
  if (digest === undefined)
    throw new StartError(`${JSON.stringify(text)} is no digest; write sha256:<64 hex digits>, or --back <moves>.`)
  return digest
}

function movesOf(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new StartError('--back takes a number of moves, 1 or more.')
  return Number(text)
}
