import { findLink, findManifest, findRepository } from '../metadata/content.ts'
import type { Metadata, Query } from '../metadata/query.ts'
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { ManifestReference } from '../oci/manifest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { BlobStore } from './blob-store.ts'
import type { Reconcile } from './reconcile.ts'

/** How many references of one manifest are looked at side by side. */
const LOOKS_AT_ONCE = 16

export interface ReferenceCheckOptions {
  readonly metadata: Metadata
  readonly blobs: BlobStore
  readonly reconcile: Reconcile
}

/** Whether the content that a manifest names is in the repository: blobs linked and whole, children held or linked. */
export class ReferenceCheck {
  readonly #options: ReferenceCheckOptions

  constructor(options: ReferenceCheckOptions) {
    this.#options = options
  }

  /** The references that are there, of which `mayBeAbsent` ones may be fewer. Throws MANIFEST_BLOB_UNKNOWN naming every one missing. */
  async require(repository: RepositoryName, references: readonly ManifestReference[]): Promise<readonly ManifestReference[]> {
    const distinct = distinctReferences(references)
    const present: ManifestReference[] = []
    const missing: Digest[] = []
    for (let start = 0; start < distinct.length; start += LOOKS_AT_ONCE) {
      const batch = distinct.slice(start, start + LOOKS_AT_ONCE)
      const found = await Promise.all(batch.map((reference) => this.#isPresent(repository, reference)))
      for (const [position, reference] of batch.entries()) {
        if (found[position]) present.push(reference)
        else if (!reference.mayBeAbsent) missing.push(reference.descriptor.digest)
      }
    }
    if (missing.length > 0) throw blobUnknown(missing)
    return present
  }

  /** Inside the claiming transaction: throws MANIFEST_BLOB_UNKNOWN when one of them was deleted since it was looked at. */
  async requireStill(query: Query, repository: RepositoryName, references: readonly ManifestReference[]): Promise<void> {
    const row = await findRepository(query, repository)
    if (row === undefined) return
    const missing: Digest[] = []
    for (const { role, descriptor, mayBeAbsent } of references) {
      const isGone = (await findLink(query, row.id, descriptor.digest))?.target === null
      const isHeld = role === 'child' && (await findManifest(query, row.id, descriptor.digest))?.held === 1
      if (isGone && !isHeld && !mayBeAbsent) missing.push(descriptor.digest)
    }
    if (missing.length > 0) throw blobUnknown(missing)
  }

  /** A child of an image index may be a manifest or, as BuildKit's cache does, a blob. */
  async #isPresent(repository: RepositoryName, { role, descriptor }: ManifestReference): Promise<boolean> {
    if (role === 'child' && (await this.#holdsManifest(repository, descriptor.digest))) return true
    return (await this.#options.blobs.find(repository, descriptor.digest)) !== undefined
  }

  async #holdsManifest(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const { metadata, reconcile } = this.#options
    const row = await findRepository(metadata.read, repository)
    const manifest = row === undefined ? undefined : await findManifest(metadata.read, row.id, digest)
    if (reconcile.isSeen(manifest?.epoch, row?.scannedEpoch)) return manifest?.held === 1
    if (await reconcile.isKnownAbsent(repository)) return false
    const [observed] = await reconcile.look([{ kind: 'manifest', repository, digest } as const])
    return observed?.found !== undefined
  }
}

/** Each digest once; one that may be absent in one place and not in another may not. */
function distinctReferences(references: readonly ManifestReference[]): readonly ManifestReference[] {
  const byDigest = new Map<Digest, ManifestReference>()
  for (const reference of references) {
    const { digest } = reference.descriptor
    if (byDigest.get(digest)?.mayBeAbsent !== false) byDigest.set(digest, reference)
  }
  return [...byDigest.values()]
}

function blobUnknown(missing: readonly Digest[]): RegistryError {
  return new RegistryError('MANIFEST_BLOB_UNKNOWN', {
    message: `The manifest names content that the repository does not have: ${missing.slice(0, 5).join(', ')}; push it first.`,
    detail: { missing },
  })
}
