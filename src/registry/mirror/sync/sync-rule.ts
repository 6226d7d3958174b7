import type { Platform } from '../../../oci/descriptor.ts'
import type { RepositoryGlob } from '../../../oci/repository-glob.ts'
import type { TagSelection } from '../../../oci/tags/tag-selection.ts'

/** What of another registry is brought here unasked. */
export interface SyncRule {
  /** The same text for the same rule, but for how often and how fast: what another one names is looked at at once. */
  readonly text: string
  /** By their names there; a name without a star is not looked for in a list. */
  readonly repositories: readonly RepositoryGlob[]
  readonly tags: TagSelection
  /** Of an image index the images for these alone; empty: all. */
  readonly platforms: readonly Platform[]
  readonly everyMs: number
  /** Undefined: as fast as it comes. */
  readonly bytesPerSecond: number | undefined
}
