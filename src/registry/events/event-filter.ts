import type { StoredEvent } from '../../metadata/events/events.ts'
import type { RepositoryGlob } from '../../oci/repository-glob.ts'
import type { TagGlob } from '../../oci/tag-glob.ts'
import { type EventKind, kindOf } from './event-kinds.ts'

/** Which events a listener or a webhook gets. */
export interface EventFilter {
  readonly kinds: readonly EventKind[]
  /** Empty: of every repository. */
  readonly repositories: readonly RepositoryGlob[]
  /** Undefined: also those that name no tag. */
  readonly tag: TagGlob | undefined
}

export function isWanted(event: StoredEvent, { kinds, repositories, tag }: EventFilter): boolean {
  const kind = kindOf(event)
  if (!kinds.some((wanted) => wanted === kind)) return false
  if (tag !== undefined && (event.tag === null || !tag.fits(event.tag))) return false
  return repositories.length === 0 || repositories.some((glob) => glob.fits(event.repository))
}
