import type { EventAction, NewEvent } from '../../metadata/events/events.ts'
import type { ManifestContent } from '../../metadata/manifest-content.ts'
import type { Actor } from '../../observe/actor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { isDigest, type Reference, type Tag } from '../../oci/reference.ts'

/** What happened, as those say it that make it happen. */
export interface ContentEvent {
  readonly action: EventAction
  readonly kind: NewEvent['kind']
  /** '' for what happened in none. */
  readonly repository: RepositoryName | ''
  readonly digest?: Digest
  readonly tag?: Tag | undefined
  readonly mediaType?: string
  /** Bytes. */
  readonly size?: number
  /** Where a mounted blob came from. */
  readonly source?: RepositoryName
  /** The name of an account, or an upstream. */
  readonly subject?: string
  /** How many blobs it is about, where that is not one. */
  readonly count?: number
}

/** A client chooses them, and a server of another program reads them. */
const MOST_CHARACTERS = 512

/** The row of an event that happens now. */
export function newEvent({ action, kind, repository, ...about }: ContentEvent, actor: Actor, process: string): NewEvent {
  const { digest = null, tag = null, mediaType = null, size = null, source = null, subject = null, count = null } = about
  const { name, address = null, requestId = null, request } = actor
  return {
    ...{ id: crypto.randomUUID(), atMs: Date.now(), action, kind, repository, digest, tag, mediaType, size, source, process },
    ...{ subject, count },
    ...{ actor: name ?? null, address, requestId, request: request === undefined ? null : requestText(request) },
  }
}

function requestText({ userAgent, ...request }: NonNullable<Actor['request']>): string {
  return JSON.stringify({ ...request, userAgent: userAgent.slice(0, MOST_CHARACTERS) })
}

/**
 * A tag that was pushed with a manifest is one event, as from registry:2; a manifest without one is one as well. After them come the moves: only those
 * that the transaction has made are written.
 */
export function manifestEvents(
  action: 'push' | 'undelete',
  repository: RepositoryName,
  { content, tags }: PushedContent,
): readonly ContentEvent[] {
  const { digest, manifest, bytes } = content
  const about = { digest, mediaType: manifest.mediaType, size: bytes.length }
  const event = { action, kind: 'manifest', repository, ...about } as const
  const moves = tags.map((tag) => ({ action: 'move', kind: 'tag', repository, tag, digest }) as const)
  return tags.length === 0 ? [event] : [...tags.map((tag) => ({ ...event, tag })), ...moves]
}

interface PushedContent {
  readonly content: ManifestContent
  readonly tags: readonly Tag[]
}

/** `reference`: as the client named it. */
export function manifestPull(
  repository: RepositoryName,
  reference: Reference,
  { digest, mediaType, size }: { readonly digest: Digest; readonly mediaType: string; readonly size: number },
): ContentEvent {
  const tag = isDigest(reference) ? undefined : reference
  return { action: 'pull', kind: 'manifest', repository, digest, mediaType, size, tag }
}

/** First the manifest, then what pointed to it, as registry:2 tells it. */
export function removalEvents(repository: RepositoryName, digest: Digest, tags: readonly Tag[]): readonly ContentEvent[] {
  return [{ action: 'delete', kind: 'manifest', repository, digest }, ...tags.map((tag) => tagRemoval(repository, tag))]
}

export function tagRemoval(repository: RepositoryName, tag: Tag): ContentEvent {
  return { action: 'delete', kind: 'tag', repository, tag }
}

/** What clients have of a blob: nothing says what it is. */
export function blobEvent(
  action: 'push' | 'pull' | 'mount',
  repository: RepositoryName,
  blob: { readonly digest: Digest; readonly size: number; readonly source?: RepositoryName },
): ContentEvent {
  const { digest, size, source } = blob
  const event = { action, kind: 'blob', repository, digest, size, mediaType: 'application/octet-stream' } as const
  return source === undefined ? event : { ...event, source }
}

/** Of manifests each; of blobs how many in each repository, for a collection takes very many. */
export function collectionEvents(
  manifests: readonly { readonly repository: RepositoryName; readonly digest: Digest; readonly tags: readonly Tag[] }[],
): readonly ContentEvent[] {
  return manifests.flatMap(({ repository, digest, tags }) => [
    { action: 'collect', kind: 'manifest', repository, digest } as const,
    ...tags.map((tag) => tagRemoval(repository, tag)),
  ])
}

export function blobCollectionEvents(links: readonly { readonly repository: RepositoryName }[]): readonly ContentEvent[] {
  const byRepository = Map.groupBy(links, ({ repository }) => repository)
  return [...byRepository].map(([repository, { length: count }]) => ({ action: 'collect', kind: 'blob', repository, count }))
}
