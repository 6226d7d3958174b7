import { findFacts } from '../../metadata/facts/image-facts.ts'
import { findSizes } from '../../metadata/facts/repository-facts.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ImageFacts } from '../../oci/image/image-facts.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference } from '../../oci/reference.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import type { StoredManifest } from '../content/remembered-manifests.ts'

export interface ImagesOptions {
  readonly metadata: Metadata
  readonly manifests: Pick<ManifestStore, 'get'>
}

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

  /** Bytes of config and layers of some images, as far as they are known. */
  async sizesOf(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, number>> {
    return await findSizes(this.#options.metadata.read, digests)
  }

  /** What the first image of an image index says, in place of the index. Undefined where it is not known. */
  async firstFacts({ facts }: ShownImage): Promise<ImageFacts | undefined> {
    if (facts?.firstImage === undefined) return facts
    const first = await findFacts(this.#options.metadata.read, facts.firstImage)
    return first?.isRead === true ? first : undefined
  }

  /** Throws MANIFEST_UNKNOWN. */
  async image(repository: RepositoryName, reference: Reference): Promise<ShownImage> {
    const manifest = await this.#options.manifests.get(repository, reference)
    const facts = await findFacts(this.#options.metadata.read, manifest.digest)
    return { manifest, facts: facts?.isRead === true ? facts : undefined }
  }
}
