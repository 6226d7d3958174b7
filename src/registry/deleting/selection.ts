import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference, Tag } from '../../oci/reference.ts'

/** Which repositories are meant. */
export interface RepositoryNames {
  fits(name: RepositoryName): boolean
}

/** Which tags are meant. */
export interface TagNames {
  fits(name: Tag): boolean
}

/** What is to be deleted, as an operator names it. */
export type Selection =
  /** The tag alone. */
  | { readonly kind: 'tag'; readonly repository: RepositoryName; readonly tag: Tag }
  /** The manifest with every tag on it. */
  | { readonly kind: 'manifest'; readonly repository: RepositoryName; readonly digest: Digest }
  /** Every manifest of one repository. */
  | { readonly kind: 'repository'; readonly repository: RepositoryName }
  /** The same of all repositories that fit. */
  | { readonly kind: 'repositories'; readonly repositories: RepositoryNames }
  /** Tags alone, in one repository or in all that fit. */
  | TagSelection

export interface TagSelection {
  readonly kind: 'tags'
  readonly repositories: RepositoryName | RepositoryNames
  readonly tags: TagNames
  /** Only those that were last pushed so long ago; left out, of any age. */
  readonly olderThanMs?: number | undefined
}

/** Something that is meant, and stays. */
export interface Staying {
  readonly kind: 'stays'
  readonly repository: RepositoryName
  readonly reference: Reference
  /** To be read after its name. */
  readonly because: string
}

/** Something that goes. */
export type Going =
  | { readonly kind: 'tag'; readonly repository: RepositoryName; readonly tag: Tag; readonly digest: Digest }
  | { readonly kind: 'manifest'; readonly repository: RepositoryName; readonly digest: Digest }
  /** It goes by itself when no request has asked for it for a grace: a child, a referrer, or what is attached by a tag. */
  | { readonly kind: 'released'; readonly repository: RepositoryName; readonly digest: Digest }

/** A tag, and when it was pushed by the collector's clock; null: not known. */
export interface DatedTag {
  readonly name: Tag
  readonly pushedMs: number | null
}

/** Which tags a deletion means that names a pattern, and perhaps an age. What is not known to be old is not. */
export class MeantTags {
  readonly #fits: (name: Tag) => boolean
  readonly #pushedBeforeMs: number | undefined

  constructor(fits: (name: Tag) => boolean, pushedBeforeMs: number | undefined) {
    this.#fits = fits
    this.#pushedBeforeMs = pushedBeforeMs
  }

  fits(name: Tag): boolean {
    return this.#fits(name)
  }

  has({ name, pushedMs }: DatedTag): boolean {
    if (!this.#fits(name)) return false
    return this.#pushedBeforeMs === undefined || (pushedMs !== null && pushedMs <= this.#pushedBeforeMs)
  }
}
