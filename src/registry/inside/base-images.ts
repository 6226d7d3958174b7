import { setImmediate } from 'node:timers/promises'
import { type LayerHolder, listImagesEndingIn } from '../../metadata/inside/layers.ts'
import { listTagsAt } from '../../metadata/inside/packages.ts'
import type { Metadata } from '../../metadata/query.ts'
import { listThere } from '../../metadata/search/found.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ShownNames } from '../../oci/name-ranges.ts'
import type { ImageContentsReader } from '../search/image-contents.ts'

/** Layers of an image that may be the last of its base. */
const MOST_LAYERS = 40
/** Images that are compared for each of them. */
const MOST_COMPARED = 20

export interface BaseImagesOptions {
  readonly metadata: Metadata
  readonly epoch: number
  readonly contents: Pick<ImageContentsReader, 'of'>
}

export interface BaseImage {
  /** `repository:tag`. */
  readonly name: string
  readonly digest: Digest
}

/** Finds what an image was made upon, among the images of this registry: one that has its first layers, and no others. */
export class BaseImages {
  readonly #options: BaseImagesOptions

  constructor(options: BaseImagesOptions) {
    this.#options = options
  }

  /** The one with most layers that has a tag, in the repositories that fit. Undefined: there is none. */
  async of(layers: readonly { readonly digest: Digest }[], shown: ShownNames | undefined): Promise<BaseImage | undefined> {
    const digests = layers.map(({ digest }) => digest)
    const least = Math.max(1, layers.length - MOST_LAYERS)
    for (let count = layers.length - 1; count >= least; count -= 1) {
      const found = await this.#withLayers(digests.slice(0, count), shown)
      if (found !== undefined) return found
      await setImmediate()
    }
    return undefined
  }

  async #withLayers(layers: readonly Digest[], shown: ShownNames | undefined): Promise<BaseImage | undefined> {
    const { metadata, epoch, contents } = this.#options
    const holders = await listImagesEndingIn(metadata.read, layers)
    const fitting = holders.filter(({ repository }) => shown?.fits(repository) ?? true).slice(0, MOST_COMPARED)
    if (fitting.length === 0) return undefined
    const there = await listThere(metadata.read, epoch, [...new Set(fitting.map(({ repositoryId }) => repositoryId))])
    for (const holder of fitting.filter(({ repositoryId }) => there.has(repositoryId))) {
      const own = (await contents.of(holder.digest))?.layers ?? []
      if (own.length !== layers.length || own.some(({ digest }, at) => digest !== layers[at])) continue
      const tag = await this.#tagOf(holder)
      if (tag !== undefined) return { name: `${holder.repository}:${tag}`, digest: holder.digest }
    }
    return undefined
  }

  async #tagOf(holder: LayerHolder): Promise<string | undefined> {
    const [tags = []] = await listTagsAt(this.#options.metadata.read, [holder], 1)
    return tags[0]
  }
}
