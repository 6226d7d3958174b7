import type { StoredEvent } from '../../metadata/events/events.ts'
import { kindOf } from './event-kinds.ts'

/** An event as listeners and webhooks get it; what it does not have is left out. */
export interface ToldEvent {
  /** A UUID: the same event has it each time it is told. */
  readonly id: string
  readonly at: string
  readonly kind: string
  readonly repository?: string | undefined
  /** The name of a user, a group or a token, or the address of an upstream. */
  readonly name?: string | undefined
  readonly tag?: string | undefined
  readonly digest?: string | undefined
  /** Where the tag led until it moved. */
  readonly before?: string | undefined
  readonly mediaType?: string | undefined
  /** Bytes. */
  readonly size?: number | undefined
  /** The repository that a blob was mounted from. */
  readonly from?: string | undefined
  /** How many blobs a collection took. */
  readonly count?: number | undefined
  readonly by?: string | undefined
}

export function toldEvent(event: StoredEvent): ToldEvent {
  const { id, atMs, repository, tag, digest, before, mediaType, size, source, actor, subject, count } = event
  return {
    ...{ id, at: new Date(atMs).toISOString(), kind: kindOf(event) },
    repository: repository || undefined,
    name: subject ?? undefined,
    tag: tag ?? undefined,
    digest: digest ?? undefined,
    before: before ?? undefined,
    mediaType: mediaType ?? undefined,
    size: size ?? undefined,
    from: source ?? undefined,
    count: count ?? undefined,
    by: actor ?? undefined,
  }
}
