import { type ComparedInside, compareInside, type Difference } from '../../images/inside/compare-inside.ts'
import { contentIn } from '../../images/inside/files/content-in.ts'
import type { ImageFiles } from '../../images/inside/files/image-files.ts'
import type { ImageFile } from '../../images/inside/files/layer-file.ts'
import { packageUrl } from '../../images/inside/packages/package-url.ts'
import { cycloneDx, spdx } from '../../images/inside/sbom/sbom.ts'
import type { Package } from '../../images/inside/told/found.ts'
import {
  findImageInside,
  findImagePackages,
  type ImageInsideRow,
  type InsideState,
  readAgain,
  readNext,
} from '../../metadata/inside/images.ts'
import { findLayerInside } from '../../metadata/inside/layers.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError, unavailable } from '../../oci/errors.ts'
import type { ImageFacts } from '../../oci/image/image-facts.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { ShownNames } from '../../oci/name-ranges.ts'
import { blobUnknown } from '../../oci/unknown.ts'
import { pause } from '../../runtime/pause.ts'
import { Semaphore } from '../../runtime/semaphore.ts'
import { version } from '../../runtime/version.ts'
import type { ShownLayer } from '../search/image-contents.ts'
import type { FoundImage, MeantImage, MeantImages } from '../search/meant-images.ts'
import { type BaseImage, BaseImages } from './base-images.ts'
import { FileSearch, type FileSearchOptions, type FoundFiles } from './file-search.ts'
import { type ImageTree, readTree } from './image-tree.ts'
import { type InsideFacts, parseFacts, unpackPackages } from './inside-facts.ts'
import { type LayerBytes, LayerGoneError } from './layer-bytes.ts'
import { type FoundPackages, PackageSearch } from './package-search.ts'

/** A small image that nothing has asked for is read in this time: its caller waits for it. */
const PATIENCE_MS = 5_000
const LOOK_EVERY_MS = 200
/** Requests that wait for files of an image: those of one are in memory at a time. */
const MOST_WAITING = 16
/** Files that are told of a comparison: those that grew or shrank most. All of them are counted. */
const MOST_CHANGED = 5_000

export interface InsideImagesOptions extends FileSearchOptions {
  readonly meant: MeantImages
  readonly bytes: Pick<LayerBytes, 'find'>
  /** False: no process reads layers, and nothing is told. */
  readonly isRead: boolean
}

/** What is told of a layer. */
export interface ToldLayer extends ShownLayer {
  /** Undefined: it was not read. */
  readonly entries: number | undefined
  readonly problems: readonly string[]
}

export interface ToldImage {
  readonly digest: Digest
  readonly state: InsideState
  readonly facts: ImageFacts | undefined
  /** Undefined until it is read, and where there is nothing to tell. */
  readonly inside: InsideFacts | undefined
  readonly layers: readonly ToldLayer[]
  readonly attestations: FoundImage['attestations']
}

/** What an image was made upon. */
export interface ToldBase extends Pick<BaseImage, 'name'> {
  /** Undefined where the builder gives none. */
  readonly digest: string | undefined
  readonly by: 'annotation' | 'layers'
}

export interface FileContent {
  readonly file: ImageFile
  readonly chunks: AsyncGenerator<Uint8Array>
}

/** Answers what is in images, from what was read of their layers. */
export class InsideImages {
  readonly #options: InsideImagesOptions
  readonly #trees = new Semaphore(1)
  readonly #search: PackageSearch
  readonly #fileSearch: FileSearch
  readonly #bases: BaseImages

  constructor(options: InsideImagesOptions) {
    this.#options = options
    this.#search = new PackageSearch(options)
    this.#fileSearch = new FileSearch(options)
    this.#bases = new BaseImages(options)
  }

  /** Whether layers are read here. */
  get isRead(): boolean {
    return this.#options.isRead
  }

  /** The images that have a package. Throws UNSUPPORTED where no layers are read. */
  async having(...sought: Parameters<PackageSearch['find']>): Promise<FoundPackages> {
    if (!this.#options.isRead) throw notRead()
    return await this.#search.find(...sought)
  }

  /** The images that have a file. Throws UNSUPPORTED where no layers are read. */
  async withFile(...sought: Parameters<FileSearch['find']>): Promise<FoundFiles> {
    if (!this.#options.isRead) throw notRead()
    return await this.#fileSearch.find(...sought)
  }

  /** Throws MANIFEST_UNKNOWN, and UNSUPPORTED where no layers are read. An image that was not read is read next; its caller waits a little. */
  async of(repository: RepositoryName, meant: MeantImage, signal: AbortSignal): Promise<ToldImage> {
    if (!this.#options.isRead) throw notRead()
    const image = await this.#options.meant.image(repository, meant)
    const row = await this.#rowOf(image.digest, signal)
    const layers = await Promise.all(image.contents.layers.map((layer) => this.#told(layer)))
    const inside = row?.facts === null || row === undefined ? undefined : parseFacts(row.facts)
    const { digest, facts, attestations } = image
    return { digest, state: row?.state ?? 'unread', facts, inside, layers, attestations }
  }

  /** What the image was made upon: as its builder says, else an image with its first layers, of a repository that fits. */
  async baseOf({ facts, layers }: ToldImage, shown: ShownNames | undefined): Promise<ToldBase | undefined> {
    const { baseName, baseDigest } = facts ?? {}
    if (baseName !== undefined) return { name: baseName, digest: baseDigest, by: 'annotation' }
    const base = await this.#bases.of(layers, shown)
    return base && { ...base, by: 'layers' }
  }

  /** Those of the image, by type and name. Throws UNAVAILABLE until it is read. */
  async packages(repository: RepositoryName, meant: MeantImage, signal: AbortSignal): Promise<ReadPackages> {
    const image = requireRead(await this.of(repository, meant, signal))
    const packed = await findImagePackages(this.#options.metadata.read, image.digest)
    const urlOf = (each: Package) => packageUrl(each, image.inside?.distribution)
    return { image, packages: packed === undefined ? [] : unpackPackages(packed), urlOf }
  }

  /** A list of the packages, as JSON. Throws UNAVAILABLE until the image is read. */
  async sbom(repository: RepositoryName, meant: MeantImage, format: 'cyclonedx' | 'spdx', signal: AbortSignal): Promise<unknown> {
    const { image, packages } = await this.packages(repository, meant, signal)
    const inside = {
      ...{ descriptor: image, packages, distribution: image.inside?.distribution },
      config: { createdMs: image.facts?.createdMs },
    }
    const subject = { name: repository, inside, berthVersion: version }
    return format === 'spdx' ? spdx(subject) : cycloneDx(subject)
  }

  /** What lies in a folder, or the file at the path. Throws UNAVAILABLE until the image is read. */
  async files(repository: RepositoryName, meant: MeantImage, path: string, signal: AbortSignal): Promise<ReadFiles> {
    const image = requireRead(await this.of(repository, meant, signal))
    return await this.#inTree(image, signal, ({ files }) => {
      const found = files.find(path)
      return { image, files: files.list(path) ?? (found === undefined ? undefined : [found]) }
    })
  }

  /** A file, links followed inside of the image; undefined where there is none. Its bytes come out of the layer's as they are read. */
  async file(repository: RepositoryName, meant: MeantImage, path: string, signal: AbortSignal): Promise<FileContent | undefined> {
    const image = requireRead(await this.of(repository, meant, signal))
    const file = await this.#inTree(image, signal, ({ files }) => files.find(path))
    const layer = file?.kind === 'file' ? image.layers[file.content.layer] : undefined
    if (file === undefined || layer === undefined) return undefined
    return { file, chunks: this.#contentOf(layer.digest, file.content.place, signal) }
  }

  /** Throws UNAVAILABLE until both are read. */
  async compare(repository: RepositoryName, from: MeantImage, to: MeantImage, signal: AbortSignal): Promise<ComparedImages> {
    const [one, other] = [await this.packages(repository, from, signal), await this.packages(repository, to, signal)]
    const difference = await this.#inTree(one.image, signal, async ({ files }) => {
      const after = await this.#treeOf(other.image, signal)
      return await compareInside(comparedOf(one, files), comparedOf(other, after.files), MOST_CHANGED)
    })
    return { from: one.image, to: other.image, difference }
  }

  async *#contentOf(layer: Digest, place: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const chunks = await this.#options.bytes.find(layer, signal)
    if (chunks === undefined) throw blobUnknown(layer)
    try {
      yield* contentIn(chunks, place)
    } catch (error) {
      throw error instanceof LayerGoneError ? blobUnknown(layer) : error
    }
  }

  async #told({ digest, ...layer }: ShownLayer): Promise<ToldLayer> {
    const read = await findLayerInside(this.#options.metadata.read, digest)
    return { digest, ...layer, entries: read?.entries, problems: read?.problems ?? [] }
  }

  /** The row of an image that is to be read is looked at again, until it is or the caller has waited for long enough. */
  async #rowOf(digest: Digest, signal: AbortSignal): Promise<ImageInsideRow | undefined> {
    const { metadata } = this.#options
    const untilMs = performance.now() + PATIENCE_MS
    let row = await findImageInside(metadata.read, digest)
    if (row?.state === 'unread') await metadata.write((query) => readNext(query, [digest], 'unread'))
    while (row?.state === 'unread' && performance.now() < untilMs) {
      await pause(LOOK_EVERY_MS, signal)
      row = await findImageInside(metadata.read, digest)
    }
    return row
  }

  async #treeOf({ digest, layers, inside }: ToldImage, signal: AbortSignal): Promise<ImageTree> {
    const { metadata } = this.#options
    const found = await Promise.all(layers.map((layer) => findLayerInside(metadata.read, layer.digest)))
    const lost = layers.filter((layer, at) => found[at] === undefined && inside?.absent.includes(layer.digest) !== true)
    if (lost.length > 0) {
      await metadata.write((query) => readAgain(query, digest))
      throw beingRead()
    }
    const ids = found.map((layer) => layer?.id)
    return await readTree(metadata.read, ids, { signal })
  }

  async #inTree<Result>(
    image: ToldImage,
    signal: AbortSignal,
    work: (tree: ImageTree) => Result | Promise<Result>,
  ): Promise<Result> {
    if (this.#trees.waiting >= MOST_WAITING) throw unavailable('Many ask for files of images at this moment; ask again.')
    return await this.#trees.run(async () => {
      signal.throwIfAborted()
      return await work(await this.#treeOf(image, signal))
    })
  }
}

export interface ReadPackages {
  readonly image: ToldImage
  readonly packages: readonly Package[]
  /** The package URL of one of them. */
  readonly urlOf: (each: Package) => string
}

export interface ReadFiles {
  readonly image: ToldImage
  /** Undefined: there is nothing at the path. */
  readonly files: readonly ImageFile[] | undefined
}

export interface ComparedImages {
  readonly from: ToldImage
  readonly to: ToldImage
  readonly difference: Difference
}

/** The configs are compared without the layers (`Comparisons`). */
function comparedOf({ image, packages }: ReadPackages, files: ImageFiles): ComparedInside {
  return { packages, files, layers: image.layers.map((descriptor) => ({ descriptor })), config: NO_CONFIG }
}

const NO_CONFIG: ComparedInside['config'] = {
  ...{ createdMs: undefined, platform: undefined, user: '', workingDirectory: '', entrypoint: [], command: [], ports: [] },
  ...{ environment: [], programFolders: [], labels: {}, history: [] },
}

function requireRead(image: ToldImage): ToldImage {
  switch (image.state) {
    case 'read':
      return image
    case 'unread':
      throw beingRead()
    case 'waiting':
      throw unavailable('A layer of the image has not come yet: it comes with the first pull.', { retryAfterSeconds: 60 })
    case 'nothing':
      throw new RegistryError('UNSUPPORTED', { message: 'It is no image that runs: nothing in it is told.' })
  }
}

function beingRead(): RegistryError {
  return unavailable('The layers of the image are being read; ask again in a moment.', { retryAfterSeconds: 2 })
}

function notRead(): RegistryError {
  const message = 'This registry does not look into layers: storage.maintenance.layers.enabled is off. `berth image` does.'
  return new RegistryError('UNSUPPORTED', { message })
}
