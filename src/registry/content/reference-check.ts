import { lookUpNamedManifests, type NamedManifestLookup, type RepositoryRow } from '../../metadata/content.ts'
import type { Metadata, Query, Stamp } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { ManifestReference } from '../../oci/manifest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reconcile } from '../heal/reconcile.ts'
import { Rest } from '../rest.ts'
import type { BlobStore } from './blob-store.ts'
import { findMissing, whileSeen } from './named-content.ts'
import type { OnRescued } from './rescue.ts'

/** How many references of one manifest are looked at side by side. */
const LOOKS_AT_ONCE = 16

export interface ReferenceCheckOptions {
  readonly metadata: Metadata
  readonly blobs: BlobStore
  readonly reconcile: Reconcile
  readonly onRescued: OnRescued | undefined
}

/** The repository lacks content that a manifest names. */
export class ReferencesMissing extends RegistryError {
  readonly missing: readonly Digest[]

  constructor(message: string, missing: readonly Digest[]) {
    super('MANIFEST_BLOB_UNKNOWN', { message, detail: { missing } })
    this.missing = missing
  }
}

/** Whether the content that a manifest names is in the repository: blobs linked and whole, children held or linked. */
export class ReferenceCheck {
  readonly #options: ReferenceCheckOptions

  constructor(options: ReferenceCheckOptions) {
    this.#options = options
  }

  /**
   * Builds on content that is there. `requireStill` is called inside the claiming transaction: only that tells the order of a push and of a
   * delete; it gives the row of the repository, where it has looked at it. Throws MANIFEST_BLOB_UNKNOWN naming every reference that is missing.
   */
  async whileThere<Result>(
    repository: RepositoryName,
    references: readonly ManifestReference[],
    build: (requireStill: (query: Query, stamp: Stamp) => Promise<RepositoryRow | undefined>) => Promise<Result>,
  ): Promise<Result> {
    const named = distinctReferences(references)
    const needed = named.filter(({ mayBeAbsent }) => !mayBeAbsent)
    const { onRescued } = this.#options
    const needs = needed.map(({ role, descriptor: { digest } }) => ({ digest, isChild: role === 'child' }))
    return await whileSeen(async () => {
      await this.#require(repository, needed)
      return await build(async (query, { epoch }) => {
        const { missing, row } = await findMissing(query, { repository, epoch, named: needs, onRescued })
        if (missing.length > 0) throw blobUnknown(missing, needed)
        return row
      })
    })
  }

  async #require(repository: RepositoryName, references: readonly ManifestReference[]): Promise<void> {
    const missing: Digest[] = []
    const rest = new Rest()
    for (let start = 0; start < references.length; start += LOOKS_AT_ONCE) {
      missing.push(...(await this.#findMissing(repository, references.slice(start, start + LOOKS_AT_ONCE))))
      await rest.after(0)
    }
    if (missing.length > 0) throw blobUnknown(missing, references)
  }

  /** A child of an image index may be a manifest or, as BuildKit's cache does, a blob. */
  async #findMissing(repository: RepositoryName, references: readonly ManifestReference[]): Promise<readonly Digest[]> {
    const children = references.flatMap(({ role, descriptor: { digest } }) => (role === 'child' ? [digest] : []))
    const rows = await lookUpNamedManifests(this.#options.metadata.read, repository, children)
    const areHeld = await Promise.all(children.map((digest) => this.#holdsManifest(repository, digest, rows.get(digest))))
    const held = new Set(children.filter((_, index) => areHeld[index]))
    const blobs = references.map(({ descriptor: { digest } }) => digest).filter((digest) => !held.has(digest))
    const found = await this.#options.blobs.findAll(repository, blobs)
    return blobs.filter((_, index) => found[index] === undefined)
  }

  async #holdsManifest(repository: RepositoryName, digest: Digest, row: NamedManifestLookup | undefined): Promise<boolean> {
    const { reconcile } = this.#options
    if (reconcile.isSeen(row?.epoch, row?.scannedEpoch)) return row?.held === 1
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

/** A sparse image index is the operator's to allow, and the client hears how; an image must always be whole. */
function blobUnknown(missing: readonly Digest[], references: readonly ManifestReference[]): ReferencesMissing {
  const named = `The manifest names content that the repository does not have: ${missing.slice(0, 5).join(', ')}; push it first`
  const isOfIndex = references.every(({ role }) => role === 'child')
  const way = isOfIndex ? ', or have the operator allow it with validation.manifests.indexes.platforms.' : '.'
  return new ReferencesMissing(`${named}${way}`, missing)
}
