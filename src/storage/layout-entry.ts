import { type Digest, findDigest } from '../oci/digest.ts'
import { findRepositoryName, type RepositoryName } from '../oci/name.ts'
import { findTag, type Tag } from '../oci/reference.ts'
import type { StoragePath } from './driver.ts'
import { layout } from './layout.ts'

/** A link of a repository, as registry:2 keeps it in a file. The other way round as `layout`. */
export type LinkEntry =
  | { readonly kind: 'link'; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly kind: 'manifest'; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly kind: 'tag'; readonly repository: RepositoryName; readonly tag: Tag }

/** What registry:2 keeps in a file: a link, or the bytes of a blob. */
export type LayoutEntry = LinkEntry | { readonly kind: 'blob'; readonly digest: Digest }

const BLOB = new RegExp(`^${layout.blobs}/([a-z0-9]+)/[0-9a-f]{2}/([0-9a-f]+)/data$`)
const IN_REPOSITORY = new RegExp(`^${layout.repositories}/(.+?)/(_(?:manifests|layers|uploads)/.*)$`)
const LINK = /^(_layers|_manifests\/revisions)\/([a-z0-9]+)\/([0-9a-f]+)\/link$/
const UPLOAD = /^_uploads\/([^/]+)\//
const INDEX = /^_manifests\/tags\/([^/]+)\/index\/([a-z0-9]+)\/([0-9a-f]+)\/link$/
const CURRENT = /^_manifests\/tags\/([^/]+)\/current\/link$/

/** The repository of whose directory a file is. */
export function repositoryAt(path: StoragePath): RepositoryName | undefined {
  return findRepositoryName(IN_REPOSITORY.exec(path)?.[1] ?? '')
}

/** The upload of registry:2's to which a file belongs. */
export function foreignUploadAt(path: StoragePath): { readonly repository: RepositoryName; readonly id: string } | undefined {
  const repository = repositoryAt(path)
  const [, id] = UPLOAD.exec(IN_REPOSITORY.exec(path)?.[2] ?? '') ?? []
  return repository === undefined || id === undefined ? undefined : { repository, id }
}

/** What a tag has ever pointed to, as its index has it; undefined for any other file. */
export function indexEntryAt(path: StoragePath): { readonly tag: Tag; readonly digest: Digest } | undefined {
  const [, name, algorithm, hex] = INDEX.exec(IN_REPOSITORY.exec(path)?.[2] ?? '') ?? []
  const tag = findTag(name ?? '')
  const digest = findDigest(`${algorithm}:${hex}`)
  return tag === undefined || digest === undefined ? undefined : { tag, digest }
}

/** Undefined for a file that says nothing which is not said elsewhere: the history of a tag, an upload of registry:2's. */
export function entryAt(path: StoragePath): LayoutEntry | undefined {
  const [, algorithm, hex] = BLOB.exec(path) ?? []
  if (algorithm !== undefined) return blobAt(findDigest(`${algorithm}:${hex}`))
  const repository = repositoryAt(path)
  return repository && entryIn(repository, IN_REPOSITORY.exec(path)?.[2] ?? '')
}

function blobAt(digest: Digest | undefined): LayoutEntry | undefined {
  return digest && { kind: 'blob', digest }
}

function entryIn(repository: RepositoryName, below: string): LinkEntry | undefined {
  const [, directory, algorithm, hex] = LINK.exec(below) ?? []
  if (directory !== undefined) {
    const digest = findDigest(`${algorithm}:${hex}`)
    return digest && { kind: directory === '_layers' ? 'link' : 'manifest', repository, digest }
  }
  const tag = findTag(CURRENT.exec(below)?.[1] ?? '')
  return tag && { kind: 'tag', repository, tag }
}
