import type { Digest } from '../../../oci/digest.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import type { Tag } from '../../../oci/reference.ts'

/**
 * Something in a storage that is not as it should be.
 *
 * wrong-bytes: a blob's bytes are not those of its digest; `size` and `knownSize` tell a flipped bit from a cut.
 * unreadable: the storage does not give it, though it gives other things.
 * missing-bytes: a layer link, or the revision of a manifest, leads to no bytes.
 * broken-link: a file that should hold a digest holds none, or another one, or is a directory.
 * missing-link: a manifest names a layer or a config that its repository does not have.
 * missing-child: an image index names a manifest that its repository does not have.
 * not-servable: the bytes of a manifest are the right ones, and Berth cannot serve them.
 * dangling-tag: a tag leads to a manifest that its repository does not have.
 * stale-row: the database says something else than the storage.
 * unknown-content: a directory with a name that Berth does not accept.
 */
export type FindingKind =
  | 'wrong-bytes'
  | 'unreadable'
  | 'missing-bytes'
  | 'broken-link'
  | 'missing-link'
  | 'missing-child'
  | 'not-servable'
  | 'dangling-tag'
  | 'stale-row'
  | 'unknown-content'

export interface Finding {
  readonly kind: FindingKind
  /** Whose pulls it concerns; of bytes that many repositories have, some of them. None: no repository leads to it. */
  readonly repositories: readonly RepositoryName[]
  /** What a client asks for that it concerns; undefined for a directory or a whole repository. */
  readonly concerns?: 'blob' | 'layer' | 'manifest' | 'tag'
  readonly digest?: Digest
  readonly tag?: Tag
  /** A manifest that names it. */
  readonly namedBy?: Digest
  readonly path?: string
  /** Bytes, as they are and as the database knows them. */
  readonly size?: number
  readonly knownSize?: number
}

/** found: nothing was to be done. not-mended: nothing can be, or it failed; a person must see to it. */
export type FindingOutcome = 'found' | 'mended' | 'quarantined' | 'not-mended'

export interface ReportedFinding extends Finding {
  readonly outcome: FindingOutcome
  /** Why it could not be mended; undefined where there was nothing to try. */
  readonly because?: string
}

/** Pulls fail for none of these: the first is mended by a look, the others are for the operator to know. */
const NO_DAMAGE: ReadonlySet<FindingKind> = new Set(['unknown-content', 'not-servable'])

/** True for what a command ends with exit code 1 for. */
export function isOpenDamage({ kind, outcome }: ReportedFinding): boolean {
  return !NO_DAMAGE.has(kind) && outcome !== 'mended'
}
