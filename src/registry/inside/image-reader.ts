import { ImageError } from '../../images/image-error.ts'
import { findDistribution, findPackages } from '../../images/inside/facts.ts'
import { contentIn } from '../../images/inside/files/content-in.ts'
import type { ImageFiles } from '../../images/inside/files/image-files.ts'
import { findProgram } from '../../images/inside/find-program.ts'
import { type Program, readProgram } from '../../images/inside/program/program.ts'
import { findManifestBytes } from '../../metadata/content.ts'
import { putImagePackages, setImageRead, setImageWaiting, setNothingInside } from '../../metadata/inside/images.ts'
import { beginInside } from '../../metadata/inside/layers.ts'
import type { Metadata, Query } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { findImageConfig, type ImageConfig, MAX_CONFIG_BYTES } from '../../oci/image/image-config.ts'
import { configOf } from '../../oci/image/image-facts.ts'
import { MAX_MANIFEST_BYTES, type Manifest, parseStoredManifest } from '../../oci/manifest.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'
import type { FileGarbage } from './file-garbage.ts'
import { readTree } from './image-tree.ts'
import { countsOf, type InsideFacts, packPackages } from './inside-facts.ts'
import { type LayerBytes, LayerGoneError } from './layer-bytes.ts'
import type { LayerReader } from './layer-reader.ts'
import { StreamedFile } from './streamed-file.ts'

/** Larger programs are not looked into: the layer is read several times for it. */
const MOST_PROGRAM_BYTES = 256 * 1024 * 1024
const PACKAGES_AT_ONCE = 500
/** A piece of a table of contents, and each file in it, take as long as so many unpacked bytes of a layer. */
const PIECE_BYTES = 256 * 1024
const FILE_BYTES = 1024

export interface ImageReaderOptions {
  readonly storage: Pick<StorageDriver, 'readSmall'>
  readonly metadata: Metadata
  readonly bytes: Pick<LayerBytes, 'find'>
  readonly layers: Pick<LayerReader, 'read'>
  /** Is told of unpacked bytes; resolves when more may be. */
  readonly pace: (bytes: number, signal: AbortSignal) => Promise<void>
  readonly garbage: Pick<FileGarbage, 'add' | 'drop'>
}

/** Reads an image: those of its layers that no other image had, what all of them tell together, and its program. */
export class ImageReader {
  readonly #options: ImageReaderOptions

  constructor(options: ImageReaderOptions) {
    this.#options = options
  }

  /** May be repeated. Throws the reason of the signal, and what storage and metadata throw. */
  async read(digest: Digest, signal: AbortSignal): Promise<void> {
    try {
      this.#options.garbage.drop(await this.#readNow(digest, signal))
    } catch (error) {
      if (!(error instanceof LayerGoneError)) throw error
      await this.#options.metadata.write((query) => setImageWaiting(query, digest, error.digest))
    }
  }

  /** Gives how many files and whiteouts its layers have. */
  async #readNow(digest: Digest, signal: AbortSignal): Promise<number> {
    const manifest = await this.#manifestOf(digest)
    const descriptor = manifest && configOf(manifest)
    if (manifest === undefined || descriptor === undefined) return await this.#note((query) => setNothingInside(query, digest))
    const config = await this.#configOf(descriptor.digest)
    if (config === 'absent') return await this.#note((query) => setImageWaiting(query, digest, descriptor.digest))
    if (config === undefined) return await this.#note((query) => setNothingInside(query, digest))
    const layers = await this.#readLayers(manifest, signal)
    if (!Array.isArray(layers)) return await this.#note((query) => setImageWaiting(query, digest, layers.missing))
    await this.#keep(digest, layers, config, signal)
    return layers.reduce((sum, { entries }) => sum + entries, 0)
  }

  /** Nothing of it is read. */
  async #note(write: (query: Query) => Promise<void>): Promise<0> {
    await this.#options.metadata.write(write)
    return 0
  }

  /** In the order of the manifest, the lowest first. A layer that may be absent has no id. */
  async #readLayers(manifest: Manifest, signal: AbortSignal): Promise<InsideLayer[] | { readonly missing: Digest }> {
    const layers: InsideLayer[] = []
    for (const { descriptor, mayBeAbsent, role } of manifest.references) {
      if (role !== 'layer') continue
      const { digest } = descriptor
      const read = await this.#options.layers.read(digest, signal)
      if (read === undefined && !mayBeAbsent) return { missing: digest }
      layers.push({ digest, id: read?.id, entries: read?.entries ?? 0 })
    }
    return layers
  }

  async #keep(digest: Digest, layers: readonly InsideLayer[], config: ImageConfig, signal: AbortSignal): Promise<void> {
    const { metadata, pace, garbage } = this.#options
    const ids = layers.map(({ id }) => id)
    const afterPiece = (files: number) => pace(PIECE_BYTES + files * FILE_BYTES, signal)
    const tree = await readTree(metadata.read, ids, { signal, afterPiece, garbage })
    const { program, problems } = await this.#programOf(tree.files, layers, config, signal)
    const packages = findPackages(tree.files, program)
    const facts: InsideFacts = {
      distribution: findDistribution(tree.files),
      program: program && withoutPackages(program),
      absent: layers.filter(({ id }) => id === undefined).map((layer) => layer.digest),
      packages: countsOf(packages),
      problems: [...tree.problems, ...problems],
    }
    const id = await metadata.write(beginInside)
    for (let at = 0; at < packages.length; at += PACKAGES_AT_ONCE) {
      const some = packages.slice(at, at + PACKAGES_AT_ONCE)
      await metadata.write((query) => putImagePackages(query, id, some))
    }
    const packed = packPackages(packages)
    await metadata.write((query) => setImageRead(query, digest, { id, facts: JSON.stringify(facts), packages: packed }))
  }

  async #programOf(
    files: ImageFiles,
    layers: readonly InsideLayer[],
    config: ImageConfig,
    signal: AbortSignal,
  ): Promise<{ readonly program: Program | undefined; readonly problems: readonly string[] }> {
    const file = findProgram(files, config)
    const layer = file === undefined ? undefined : layers[file.content.layer]
    if (file === undefined || layer === undefined) return { program: undefined, problems: [] }
    if (file.size > MOST_PROGRAM_BYTES)
      return { program: undefined, problems: [`/${file.path} has ${file.size} bytes, and is not looked into`] }
    const open = () => this.#contentOf(layer.digest, file.content.place, signal)
    const streamed = new StreamedFile(open, file.size)
    try {
      const program = await readProgram(file.path, streamed.readAt)
      return { program, problems: program.problems }
    } catch (error) {
      if (!(error instanceof ImageError)) throw error
      return { program: undefined, problems: [error.message] }
    } finally {
      await streamed.end()
    }
  }

  async *#contentOf(layer: Digest, place: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const chunks = await this.#options.bytes.find(layer, signal)
    if (chunks === undefined) throw new LayerGoneError(layer)
    yield* contentIn(chunks, place)
  }

  async #manifestOf(digest: Digest): Promise<Manifest | undefined> {
    const { metadata } = this.#options
    const bytes = (await findManifestBytes(metadata.read, digest)) ?? (await this.#smallFile(digest, MAX_MANIFEST_BYTES))
    return bytes instanceof Uint8Array ? parseStoredManifest(bytes) : undefined
  }

  /** Undefined for what is no such config. */
  async #configOf(digest: Digest): Promise<ImageConfig | 'absent' | undefined> {
    const bytes = await this.#smallFile(digest, MAX_CONFIG_BYTES)
    if (bytes === undefined) return 'absent'
    return bytes === 'too large' ? undefined : findImageConfig(bytes)
  }

  async #smallFile(digest: Digest, mostBytes: number): Promise<Uint8Array | 'too large' | undefined> {
    try {
      return await this.#options.storage.readSmall(layout.blob(digest), mostBytes)
    } catch (error) {
      if (error instanceof FileTooLargeError) return 'too large'
      throw error
    }
  }
}

interface InsideLayer {
  readonly digest: Digest
  /** Of its table; undefined where its bytes lie elsewhere. */
  readonly id: number | undefined
  readonly entries: number
}

function withoutPackages({ packages: _, problems: __, ...told }: Program): InsideFacts['program'] {
  return told
}
