import { findFacts } from '../../metadata/facts/image-facts.ts'
import { countTags, findNewestTag, findSizes, listTagsOf, type TagCounts } from '../../metadata/facts/repository-facts.ts'
import { listTagFacts, type TagFactsRow } from '../../metadata/facts/tag-facts.ts'
import { holdsManifest } from '../../metadata/listing.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ImageFacts } from '../../oci/image/image-facts.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference, Tag } from '../../oci/reference.ts'
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

/** What is known of all tags of a repository together. */
export interface Overview extends TagCounts {
  /** The tag that was moved last. */
  readonly newest: Tag | undefined
  /** False: there are more tags than were looked at. */
  readonly isWhole: boolean
}

/** No more tags are looked at for it: each takes a microsecond. */
const MOST_LOOKED_AT = 10_000

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

  /** Throws NAME_UNKNOWN for a repository that is not there. */
  async overview(repository: RepositoryName): Promise<Overview> {
    const { metadata, scan } = this.#options
    const id = await scan.ensureScanned(repository)
    if (id === undefined) throw nameUnknown(repository)
    const { tags, images } = await countTags(metadata.read, id, MOST_LOOKED_AT + 1)
    if (tags > MOST_LOOKED_AT) return { tags: MOST_LOOKED_AT, images, newest: undefined, isWhole: false }
    return { tags, images, newest: await findNewestTag(metadata.read, id, MOST_LOOKED_AT), isWhole: true }
  }

  /** The first tags of each of these manifests, so many at most of each. */
  async tagsOf(
    repository: RepositoryName,
    digests: readonly Digest[],
    most: number,
  ): Promise<ReadonlyMap<Digest, readonly Tag[]>> {
    const { metadata, scan } = this.#options
    const id = await scan.ensureScanned(repository)
    return id === undefined ? new Map() : await listTagsOf(metadata.read, id, digests, most)
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
