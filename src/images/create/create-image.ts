import { posix } from 'node:path'
import type { Descriptor } from '../../oci/descriptor.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { chunksOf } from '../files/file-part.ts'
import type { TemporaryFiles } from '../files/temporary-files.ts'
import type { BlobContent, ImageContent, ManifestContent } from '../image-content.ts'
import { imageIndex, imageManifest } from '../image-manifest.ts'
import { type AddedFile, addedFiles, layerTar } from '../layers/added-files.ts'
import { type Addition, forPlatform } from '../layers/addition.ts'
import { type CompressedLayer, type Compression, compressLayer } from '../layers/compressed-layer.ts'
import { ImageFolders } from '../layers/image-folders.ts'
import type { BaseImage } from './base-image.ts'
import { type ImageSettings, imageConfig } from './image-settings.ts'

/** What an image is made of. */
export interface ImageRecipe {
  /** One for each platform. */
  readonly bases: readonly BaseImage[]
  /** Each becomes a layer: what has not changed is not sent again. */
  readonly layers: readonly RecipeLayer[]
  readonly settings: ImageSettings
  readonly compression: Compression
  /** What everything is dated with, in seconds since 1970. */
  readonly epochSeconds: number
  /** Where the new layers are already, in the registry of the image. */
  readonly layersAreIn?: BlobContent['mountFrom']
}

export interface RecipeLayer {
  readonly additions: readonly Addition[]
  /** As the history tells it. */
  readonly by: string
}

interface MakeOptions {
  readonly temporary: TemporaryFiles
  readonly signal: AbortSignal
}

/** The same recipe over the same files gives the same digest. Layers are made one after the other, while they are pushed. */
export function createImage(recipe: ImageRecipe, options: MakeOptions): ImageContent {
  return new CreatedImage(recipe, options)
}

class CreatedImage implements ImageContent {
  readonly #recipe: ImageRecipe
  readonly #options: MakeOptions
  readonly #manifests: { readonly manifest: ManifestContent; readonly base: BaseImage }[] = []

  constructor(recipe: ImageRecipe, options: MakeOptions) {
    this.#recipe = recipe
    this.#options = options
  }

  readonly blobs = (): AsyncIterable<BlobContent> => this.#blobs()

  readonly manifests = (): readonly ManifestContent[] => {
    const images = this.#manifests.map(({ manifest }) => manifest)
    if (images.length < 2) return images
    const descriptors = this.#manifests.map(({ manifest: { mediaType, digest, bytes }, base }) => {
      return { mediaType, digest, size: bytes.length, platform: base.platform }
    })
    return [...images, imageIndex(descriptors)]
  }

  async *#blobs(): AsyncGenerator<BlobContent> {
    const given = new Set<Digest>()
    for (const base of this.#recipe.bases) {
      for await (const blob of this.#blobsOf(base)) {
        if (given.has(blob.descriptor.digest)) continue
        given.add(blob.descriptor.digest)
        yield blob
      }
    }
  }

  async *#blobsOf(base: BaseImage): AsyncGenerator<BlobContent> {
    yield* base.blobs
    const made: CompressedLayer[] = []
    for await (const files of this.#filesOf(base)) {
      const layer = await this.#layer(files)
      made.push(layer)
      yield { descriptor: layer.descriptor, chunks: () => chunksOf(layer.part), mountFrom: this.#recipe.layersAreIn }
      await this.#options.temporary.remove(layer.part.path)
    }
    const config = this.#config(base, made)
    const descriptor = { mediaType: CONFIG_TYPE, digest: digestOf('sha256', config), size: config.length }
    yield { descriptor, chunks: () => once(config) }
    this.#manifests.push({ base, manifest: manifestOf(base, descriptor, made) })
  }

  /** Of each layer, at their places in the base. */
  async *#filesOf(base: BaseImage): AsyncGenerator<readonly AddedFile[]> {
    const { layers, epochSeconds } = this.#recipe
    const added: (readonly AddedFile[])[] = []
    for (const { additions } of layers) {
      const its = additions.map((addition) => forPlatform(addition, { ...base.platform }))
      added.push(await addedFiles(its, epochSeconds))
    }
    const paths = added.flat().map(({ entry }) => (entry.kind === 'directory' ? entry.path : posix.dirname(entry.path)))
    const inFolders = [...new Set(paths)].filter((path) => path !== '.')
    const folders = await ImageFolders.read(
      inFolders,
      base.blobs.toReversed().map(({ chunks }) => chunks),
    )
    for (const files of added) yield folders.place(files)
  }

  async #layer(files: readonly AddedFile[]): Promise<CompressedLayer> {
    const { temporary, signal } = this.#options
    return await compressLayer(layerTar(files), { compression: this.#recipe.compression, path: temporary.newPath(), signal })
  }

  #config(base: BaseImage, made: readonly CompressedLayer[]): Uint8Array {
    const { settings, epochSeconds, layers } = this.#recipe
    const named = made.map(({ diffId }, at) => ({ diffId, by: layers[at]?.by ?? '' }))
    return imageConfig({ base: base.config, platform: base.platform, settings, layers: named, createdSeconds: epochSeconds })
  }
}

const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json'

/** What it was made from is written down as the specification has it (image-spec annotations.md). */
function manifestOf({ layers, from }: BaseImage, config: Descriptor, made: readonly CompressedLayer[]): ManifestContent {
  const annotations =
    from === undefined
      ? undefined
      : { 'org.opencontainers.image.base.digest': from.digest, 'org.opencontainers.image.base.name': from.name }
  return imageManifest({ config, layers: [...layers, ...made.map(({ descriptor }) => descriptor)], annotations })
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
