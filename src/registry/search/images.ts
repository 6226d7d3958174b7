import { findFacts } from '../../metadata/facts/image-facts.ts'
import { listTagFacts, type TagFactsRow } from '../../metadata/facts/tag-facts.ts'
import { holdsManifest } from '../../metadata/listing.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { ImageFacts } from '../../oci/image/image-facts.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference } from '../../oci/reference.ts'
import { nameUnknown } from '../../oci/unknown.ts'
import type { Page } from '../content/catalog.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import type { StoredManifest } from '../content/remembered-manifests.ts'
import type { RepositoryScan } from '../scan/repository-scan.ts'

export interface ImagesOptions {
  readonly metadata: Metadata
  readonly manifests: Pick<ManifestStore, 'get'>
  readonly scan: Pick<RepositoryScan, 'ensureScanned'>
}

/** A tag with what is known of its image and of its last move. */
export type ShownTag = TagFactsRow

export interface ShownImage {
  readonly manifest: StoredManifest
  /** Undefined where they have not been read yet. */
  readonly facts: ImageFacts | undefined
}

/** What is known of the images of a repository. */
export class Images {
  readonly #options: ImagesOptions

  constructor(options: ImagesOptions) {
    this.#options = options
  }

  /** Throws NAME_UNKNOWN for a repository without a manifest. */
  async tags(repository: RepositoryName, after: string, limit: number): Promise<Page<ShownTag>> {
    const { metadata, scan } = this.#options
    const id = await scan.ensureScanned(repository)
    if (id === undefined) throw nameUnknown(repository)
    const rows = await listTagFacts(metadata.read, id, after, limit + 1)
    if (rows.length === 0 && !(await holdsManifest(metadata.read, id))) throw nameUnknown(repository)
    return { entries: rows.slice(0, limit), more: rows.length > limit }
  }

  /** Throws MANIFEST_UNKNOWN. */
  async image(repository: RepositoryName, reference: Reference): Promise<ShownImage> {
    const manifest = await this.#options.manifests.get(repository, reference)
    const facts = await findFacts(this.#options.metadata.read, manifest.digest)
    return { manifest, facts: facts?.isRead === true ? facts : undefined }
  }
}
