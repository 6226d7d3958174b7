import { holdsManifest } from '../../metadata/listing.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { isAttachedTag } from '../../oci/tags/attached-tag.ts'
import { nameUnknown } from '../../oci/unknown.ts'
import type { PullCounts } from '../pulls/pull-counts.ts'
import type { Remarks, ShownRemark } from '../remarks/remarks.ts'
import type { BackgroundScan } from '../scan/background-scan.ts'
import type { RepositoryScan } from '../scan/repository-scan.ts'
import { type KeptOrders, MANY_TAGS } from './kept-orders.ts'
import { type OrderedTags, type ScannedRepository, TooManyTags } from './ordered-tags.ts'
import type { StorageUses } from './storage-uses.ts'
import type { OrderedTag } from './tag-order.ts'

export interface ShownUse {
  readonly bytes: number
  /** What nothing else needs; undefined while it is not known what other repositories need. */
  readonly own: number | undefined
}

/** One repository, on one page. */
export interface ShownRepository {
  readonly remark: ShownRemark
  /** Undefined: more than are sorted. */
  readonly tags: number | undefined
  /** How many different manifests those tags lead to. */
  readonly images: number | undefined
  /** The tag that came last to its image, as far as that is known. */
  readonly newest: OrderedTag | undefined
  readonly use: ShownUse
  readonly pulls: Awaited<ReturnType<PullCounts['ofRepository']>>
}

export interface RepositoriesOptions {
  readonly metadata: Metadata
  readonly scan: Pick<RepositoryScan, 'ensureScanned'>
  readonly backgroundScan: Pick<BackgroundScan, 'isComplete'>
  readonly ordered: OrderedTags
  readonly orders: Pick<KeptOrders, 'whole' | 'keep'>
  readonly uses: StorageUses
  readonly pulls: PullCounts
  readonly remarks: Pick<Remarks, 'of'>
}

/** What is known of a repository as a whole. */
export class Repositories {
  readonly #options: RepositoriesOptions

  constructor(options: RepositoriesOptions) {
    this.#options = options
  }

  /** `user`: the caller's name. Throws NAME_UNKNOWN for a repository without a manifest, and UNAVAILABLE. */
  async of(name: RepositoryName, user: string | undefined, signal: AbortSignal): Promise<ShownRepository> {
    const { pulls, remarks } = this.#options
    const id = await this.require(name)
    const { tags, images, newest } = await this.#tagsOf({ id, name }, signal)
    return {
      ...{ tags, images, newest },
      remark: await remarks.of(name, user),
      use: await this.useOf(id, signal),
      pulls: await pulls.ofRepository(name),
    }
  }

  /** The row of a repository that holds a manifest. Throws NAME_UNKNOWN, and UNAVAILABLE. */
  async require(name: RepositoryName): Promise<number> {
    const { metadata, scan } = this.#options
    const id = await scan.ensureScanned(name)
    if (id === undefined || !(await holdsManifest(metadata.read, id))) throw nameUnknown(name)
    return id
  }

  async useOf(id: number, signal: AbortSignal): Promise<ShownUse> {
    const isComplete = await this.#options.backgroundScan.isComplete()
    const { bytes, own } = await this.#options.uses.ofRepository({ repositoryId: id, isComplete, signal })
    return { bytes, own: isComplete ? own : undefined }
  }

  /** What one image of the repository needs. */
  async useOfImage(id: number, digest: Digest): Promise<ShownUse> {
    const isComplete = await this.#options.backgroundScan.isComplete()
    const { bytes, own } = await this.#options.uses.ofImage(id, digest)
    return { bytes, own: isComplete ? own : undefined }
  }

  async #tagsOf(repository: ScannedRepository, signal: AbortSignal) {
    const kept = await this.#options.orders.whole(repository.id, signal)
    if (kept !== undefined) return kept
    try {
      const tags = await this.#options.ordered.of(repository, 'moved', signal)
      if (tags.length > MANY_TAGS) await this.#options.orders.keep(repository.id)
      let newest: OrderedTag | undefined
      // A signature comes after its image, and is none.
      for (const tag of tags) if ((tag.value ?? -1) > (newest?.value ?? -2) && !isAttachedTag(tag.tag)) newest = tag
      return { tags: tags.length, images: new Set(tags.map(({ digest }) => digest)).size, newest }
    } catch (error) {
      if (error instanceof TooManyTags) return { tags: undefined, images: undefined, newest: undefined }
      throw error
    }
  }
}
