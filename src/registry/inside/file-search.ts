import { setImmediate } from 'node:timers/promises'
import type { LayerFile, Whiteout } from '../../images/inside/files/layer-file.ts'
import { nameWordOf, readPiece, wordOf } from '../../images/inside/files/layer-table.ts'
import { mayHave } from '../../images/inside/files/name-filter.ts'
import {
  BEFORE_FIRST_PIECE,
  findLayerPiece,
  type LayerHolder,
  type LayerNames,
  listLayerHolders,
  listLayerNames,
  listNamesOf,
} from '../../metadata/inside/layers.ts'
import { listTagsAt } from '../../metadata/inside/packages.ts'
import type { Metadata } from '../../metadata/query.ts'
import { listThere } from '../../metadata/search/found.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { ShownNames } from '../../oci/name-ranges.ts'
import type { ImageContentsReader } from '../search/image-contents.ts'

const LAYERS_AT_ONCE = 200
const TAGS_SHOWN = 5
/** Of one layer: more images than have it are told by their common layer anyway. */
const MOST_HOLDERS = 1_000
/** Of one layer, by a name alone. */
const MOST_FILES = 100
/** A request looks through tables of layers for so long; the next page goes on. */
const PATIENCE_MS = 2_000

export interface FileSearchOptions {
  readonly metadata: Metadata
  readonly epoch: number
  readonly contents: Pick<ImageContentsReader, 'of'>
}

export interface FoundFile {
  readonly file: LayerFile
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly tags: readonly string[]
}

export interface FoundFiles {
  readonly found: readonly FoundFile[]
  /** The layer after which the next page begins; undefined: there is none. */
  readonly next: string | undefined
}

interface Page {
  /** `next` of the page before, or ''. */
  readonly after: string
  /** About so many: all that one layer has are told together. */
  readonly count: number
}

/** Finds the images in which a container sees a file: by its path, or by its name alone. */
export class FileSearch {
  readonly #options: FileSearchOptions

  constructor(options: FileSearchOptions) {
    this.#options = options
  }

  /** `sought`: a path that begins with a slash, or a name. With `shown`, in the repositories that fit it. */
  async find(sought: string, { after, count }: Page, shown: ShownNames | undefined): Promise<FoundFiles> {
    const found: FoundFile[] = []
    const untilMs = performance.now() + PATIENCE_MS
    let last = after
    for (;;) {
      const layers = await listLayerNames(this.#options.metadata.read, last, LAYERS_AT_ONCE)
      for (const layer of layers) {
        if (found.length >= count || performance.now() > untilMs) return { found, next: last }
        found.push(...(await this.#inLayer(layer, sought, shown)))
        last = layer.digest
      }
      if (layers.length < LAYERS_AT_ONCE) return { found, next: undefined }
      await setImmediate()
    }
  }

  async #inLayer(layer: LayerNames, sought: string, shown: ShownNames | undefined): Promise<readonly FoundFile[]> {
    const path = sought.replace(/^\/+|\/+$/g, '')
    const isPath = sought.startsWith('/')
    const words = isPath ? [wordOf(path, 'file'), wordOf(path, 'directory')] : [nameWordOf(path)]
    if (!words.some((word) => mayHave(layer.names, word))) return []
    const fits = (file: LayerFile) => (isPath ? file.path === path : file.path.slice(file.path.lastIndexOf('/') + 1) === path)
    const files = await this.#filesIn(layer.id, fits)
    if (files.length === 0) return []
    const found: FoundFile[] = []
    for (const holder of await this.#visibleHolders(layer.digest, shown)) {
      const above = await this.#layersAbove(holder.digest, layer.digest)
      for (const file of files) if (!(await this.#isCovered(file.path, above))) found.push(await this.#told(file, holder))
    }
    return found
  }

  async #told(file: LayerFile, holder: LayerHolder): Promise<FoundFile> {
    const [tags = []] = await listTagsAt(this.#options.metadata.read, [holder], TAGS_SHOWN)
    const { repository, digest } = holder
    return { file, repository, digest, tags }
  }

  async #visibleHolders(layer: Digest, shown: ShownNames | undefined): Promise<readonly LayerHolder[]> {
    const { metadata, epoch } = this.#options
    const holders = await listLayerHolders(metadata.read, layer, MOST_HOLDERS)
    const fitting = holders.filter(({ repository }) => shown?.fits(repository) ?? true)
    const there = await listThere(metadata.read, epoch, [...new Set(fitting.map(({ repositoryId }) => repositoryId))])
    return fitting.filter(({ repositoryId }) => there.has(repositoryId))
  }

  /** The filters of the layers that lie upon this one. */
  async #layersAbove(image: Digest, layer: Digest): Promise<readonly LayerNames[]> {
    const { contents, metadata } = this.#options
    const layers = (await contents.of(image))?.layers ?? []
    const place = layers.findLastIndex(({ digest }) => digest === layer)
    return await listNamesOf(
      metadata.read,
      layers.slice(place + 1).map(({ digest }) => digest),
    )
  }

  /** A layer above has another file there, or takes the file or a folder that it lies in away. */
  async #isCovered(path: string, above: readonly LayerNames[]): Promise<boolean> {
    const folders = path.split('/').map((_, at, parts) => parts.slice(0, at).join('/'))
    const paths = [...folders, path]
    for (const { id, names } of above) {
      const isThere = mayHave(names, wordOf(path, 'directory'))
      const perhaps =
        isThere ||
        paths.some((each) => mayHave(names, wordOf(each, 'file')) || mayHave(names, wordOf(each, 'whiteout'))) ||
        folders.some((each) => mayHave(names, wordOf(each, 'opaque')))
      if (perhaps && (await this.#coversIn(id, path, folders))) return true
    }
    return false
  }

  async #coversIn(layerId: number, path: string, folders: readonly string[]): Promise<boolean> {
    const takes = ({ path: gone, isOpaque }: Whiteout) => folders.includes(gone) || (!isOpaque && gone === path)
    const stands = (file: LayerFile) => file.path === path || (file.kind !== 'directory' && folders.includes(file.path))
    for await (const { files, whiteouts } of this.#pieces(layerId)) if (whiteouts.some(takes) || files.some(stands)) return true
    return false
  }

  async #filesIn(layerId: number, fits: (file: LayerFile) => boolean): Promise<readonly LayerFile[]> {
    const found = new Map<string, LayerFile>()
    // Of two entries of one path the last one counts.
    for await (const { files } of this.#pieces(layerId))
      for (const file of files) if (fits(file) && (found.size < MOST_FILES || found.has(file.path))) found.set(file.path, file)
    return [...found.values()]
  }

  async *#pieces(layerId: number): AsyncGenerator<ReturnType<typeof readPiece>> {
    const { read } = this.#options.metadata
    let piece = await findLayerPiece(read, layerId, BEFORE_FIRST_PIECE)
    for (; piece !== undefined; piece = await findLayerPiece(read, layerId, piece.number)) {
      yield readPiece(piece.bytes)
      await setImmediate()
    }
  }
}
