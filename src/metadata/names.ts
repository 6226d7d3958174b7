import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'

/** The things that operations claim and scans look at: each is one place in the storage and one row here. */
export type ContentName = TagName | ManifestName | LinkName | BlobName | EmptyRepository

export interface TagName {
  readonly kind: 'tag'
  readonly repository: RepositoryName
  readonly tag: Tag
}

export interface ManifestName {
  readonly kind: 'manifest'
  readonly repository: RepositoryName
  readonly digest: Digest
}

/** That a repository owns a blob. */
export interface LinkName {
  readonly kind: 'link'
  readonly repository: RepositoryName
  readonly digest: Digest
}

/** The directories of a repository in which nothing is left. Claimed by their removal alone. */
export interface EmptyRepository {
  readonly kind: 'repository'
  readonly repository: RepositoryName
}

export interface BlobName {
  readonly kind: 'blob'
  readonly digest: Digest
}
