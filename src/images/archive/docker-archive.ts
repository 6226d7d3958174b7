import type { Descriptor } from '../../oci/descriptor.ts'
import { type Digest, digestOf, findDigest, RunningDigest } from '../../oci/digest.ts'
import { MAX_MANIFEST_BYTES } from '../../oci/manifest.ts'
import { bytesOf, chunksOf, type FilePart } from '../files/file-part.ts'
import { objectIn, parsedJson, textsIn } from '../files/parsed-json.ts'
import type { TemporaryFiles } from '../files/temporary-files.ts'
import type { BlobContent, ImageContent, ManifestContent } from '../image-content.ts'
import { ImageError } from '../image-error.ts'
import { imageManifest } from '../image-manifest.ts'
import { type CompressedLayer, compressLayer, diffIdOf, LAYER_TYPES } from '../layers/compressed-layer.ts'
import { findCompression, MAGIC_BYTES } from '../layers/found-compression.ts'
import { innerPath } from '../tar/inner-path.ts'
import type { ArchiveFiles } from './archive-files.ts'

/** One image of what `docker save` writes: its layers as they were before a push. */
export interface DockerImage {
  readonly names: readonly string[]
  readonly configPath: string
  readonly layerPaths: readonly string[]
}

/** Docker stacks 127 layers; a few more do no harm. */
const MOST_LAYERS = 1_000

/** Undefined for what is no archive of Docker's. Throws ImageError. */
export async function findDockerImages(files: ArchiveFiles): Promise<readonly DockerImage[] | undefined> {
  const part = await files.find('manifest.json')
  if (part === undefined) return undefined
  const label = `manifest.json in ${files.label}`
  const value = parsedJson(await bytesOf(part, { maxBytes: MAX_MANIFEST_BYTES, label }), label)
  if (!Array.isArray(value)) throw new ImageError(`${label} is no list of images`)
  return value.map((entry: unknown) => {
    const { Config: configPath, Layers: layers, RepoTags: names } = objectIn(entry)
    if (typeof configPath !== 'string' || !Array.isArray(layers))
      throw new ImageError(`${label} names an image without a config or layers`)
    if (layers.length > MOST_LAYERS) throw new ImageError(`${label} names an image of ${layers.length} layers`)
    return { names: textsIn(names), configPath, layerPaths: textsIn(layers) }
  })
}

interface ReadOptions {
  readonly files: ArchiveFiles
  readonly temporary: TemporaryFiles
  readonly signal: AbortSignal
}

/** The image as it is pushed: its layers compressed one after the other, each of them checked against the config. Throws ImageError. */
export async function readDockerImage(image: DockerImage, options: ReadOptions): Promise<ImageContent> {
  const { files } = options
  const config = await bytesOf(await partOf(files, image.configPath), {
    maxBytes: MAX_MANIFEST_BYTES,
    label: `the config ${JSON.stringify(image.configPath)} in ${files.label}`,
  })
  const diffIds = diffIdsIn(config, files.label)
  const layers = await Promise.all(image.layerPaths.map((path) => partOf(files, path)))
  if (layers.length !== diffIds.length)
    throw new ImageError(`${files.label} is not whole: its config knows ${diffIds.length} layers, and it has ${layers.length}`)
  const stack = layers.map((part, at) => ({ part, diffId: diffIds[at] as Digest }))
  return new PushedDockerImage(config, stack, options)
}

interface SavedLayer {
  readonly part: FilePart
  readonly diffId: Digest
}

class PushedDockerImage implements ImageContent {
  readonly #config: Uint8Array
  readonly #layers: readonly SavedLayer[]
  readonly #options: ReadOptions
  readonly #made = new Map<Digest, Descriptor>()

  constructor(config: Uint8Array, layers: readonly SavedLayer[], options: ReadOptions) {
    this.#config = config
    this.#layers = layers
    this.#options = options
  }

  readonly blobs = (): AsyncIterable<BlobContent> => this.#blobs()

  readonly manifests = (): readonly ManifestContent[] => {
    const layers = this.#layers.map(({ diffId }) => this.#made.get(diffId) as Descriptor)
    return [imageManifest({ config: this.#configDescriptor(), layers })]
  }

  async *#blobs(): AsyncGenerator<BlobContent> {
    for (const layer of this.#layers) {
      if (this.#made.has(layer.diffId)) continue
      const { descriptor, part } = await this.#layerToPush(layer)
      this.#made.set(layer.diffId, descriptor)
      yield { descriptor, chunks: () => chunksOf(part) }
      if (part.path !== layer.part.path) await this.#options.temporary.remove(part.path)
    }
    yield { descriptor: this.#configDescriptor(), chunks: () => once(this.#config) }
  }

  #configDescriptor(): Descriptor {
    const mediaType = 'application/vnd.oci.image.config.v1+json'
    return { mediaType, digest: digestOf('sha256', this.#config), size: this.#config.length }
  }

  async #layerToPush({ part, diffId }: SavedLayer): Promise<CompressedLayer> {
    const { files, temporary, signal } = this.#options
    const layer = await madeLayer(part, { files, path: temporary.newPath(), signal })
    if (layer.diffId === diffId) return layer
    throw new ImageError(`${files.label} is damaged: a layer has other bytes than its config says (${diffId})`)
  }
}

/** Some programs save layers that are compressed already: those are pushed as they are. */
async function madeLayer(
  part: FilePart,
  { files, path, signal }: { readonly files: ArchiveFiles; readonly path: string; readonly signal: AbortSignal },
): Promise<CompressedLayer> {
  const first = await bytesOf({ ...part, size: Math.min(part.size, MAGIC_BYTES) }, { maxBytes: MAGIC_BYTES, label: files.label })
  const found = findCompression(first)
  if (found === undefined) return await compressLayer(chunksOf(part), { compression: 'gzip', path, signal })
  const label = `a layer in ${files.label}`
  const diffId = await diffIdOf(part, { compression: found, label, signal }).catch((cause: unknown) => {
    signal.throwIfAborted()
    if (cause instanceof ImageError) throw cause
    throw new ImageError(`${files.label} is damaged: a layer cannot be unpacked`, { cause })
  })
  return { descriptor: { mediaType: LAYER_TYPES[found], ...(await namedBy(part)) }, diffId, part }
}

async function namedBy(part: FilePart): Promise<Pick<Descriptor, 'digest' | 'size'>> {
  const digest = new RunningDigest('sha256')
  for await (const chunk of chunksOf(part)) digest.update(chunk)
  return { digest: digest.digest(), size: part.size }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** A path of the archive's own may name what is in the archive, and nothing else. */
async function partOf(files: ArchiveFiles, path: string): Promise<FilePart> {
  const inside = innerPath(path)
  const part = inside === undefined ? undefined : await files.find(inside)
  if (part !== undefined) return part
  throw new ImageError(
    `${files.label} is not whole: it does not have ${JSON.stringify(path.slice(0, 200))}, which its manifest.json names`,
  )
}

function diffIdsIn(config: Uint8Array, label: string): readonly Digest[] {
  const { rootfs } = objectIn(parsedJson(config, `the config in ${label}`))
  return textsIn(objectIn(rootfs).diff_ids).map((text) => {
    const digest = findDigest(text)
    if (digest !== undefined) return digest
    throw new ImageError(`the config in ${label} names a layer by what is no digest`)
  })
}
