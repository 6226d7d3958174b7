import type { RepositoryName } from '../../../oci/name.ts'

/** How much of another registry stays here, and for how long. */
export interface MirrorLimits {
  /** Bytes; undefined: as much as there is room for. */
  readonly sizeBytes: number | undefined
  /** What no client has pulled for so long goes; undefined: nothing does. */
  readonly unusedMs: number | undefined
  /** Whether a repository, by its name here, stays whatever the limits say. */
  readonly isKept: (repository: RepositoryName) => boolean
}

/** Everything stays. */
export const NO_LIMITS: MirrorLimits = { sizeBytes: undefined, unusedMs: undefined, isKept: () => true }
