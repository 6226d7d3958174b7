import { setImmediate } from 'node:timers/promises'
import type { LayerFile, Whiteout } from '../../images/inside/files/layer-file.ts'
import { readPiece, wordOf } from '../../images/inside/files/layer-table.ts'
import { mayHave } from '../../images/inside/files/name-filter.ts'
import { BEFORE_FIRST_PIECE, findLayerPiece, type LayerNames, listNamesOf } from '../../metadata/inside/layers.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ImageContentsReader } from '../search/image-contents.ts'

/** Of one layer, by a name alone. */
const MOST_FILES = 100
/** Folders on the way to a file that are links: real images have one, as /bin is. */
const MOST_LINKS = 5

export interface LayerLookupOptions {
  readonly metadata: Metadata
  readonly contents: Pick<ImageContentsReader, 'of'>
}

/** Looks for files in the tables of layers, one at a time: most say by their filters that they have none of that name. */
export class LayerLookup {
  readonly #options: LayerLookupOptions

  constructor(options: LayerLookupOptions) {
    this.#options = options
  }

  /** Of an image that were read, the uppermost first. */
  async layersOf(image: Digest): Promise<readonly LayerNames[]> {
    const { contents, metadata } = this.#options
    const digests = ((await contents.of(image))?.layers ?? []).map(({ digest }) => digest)
    const names = new Map((await listNamesOf(metadata.read, digests)).map((layer) => [layer.digest, layer]))
    return digests.toReversed().flatMap((digest) => names.get(digest) ?? [])
  }

  /** Those of a layer that fit; of two entries of one path the last one counts. */
  async filesIn(layerId: number, fits: (file: LayerFile) => boolean): Promise<readonly LayerFile[]> {
    const found = new Map<string, LayerFile>()
    for await (const { files } of this.#pieces(layerId))
      for (const file of files) if (fits(file) && (found.size < MOST_FILES || found.has(file.path))) found.set(file.path, file)
    return [...found.values()]
  }

  /** A layer above has another file there, or takes the file or a folder that it lies in away. */
  async isCovered(path: string, above: readonly LayerNames[]): Promise<boolean> {
    const folders = foldersOf(path)
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

  /** What a container sees at a path, out of the layers of its image, the uppermost first; folders that are links are followed. */
  async find(layers: readonly LayerNames[], path: string, links = MOST_LINKS): Promise<LayerFile | undefined> {
    const file = await this.#topmost(layers, path)
    if (file !== undefined || links === 0) return file
    for (const folder of foldersOf(path)) {
      const link = folder === '' ? undefined : await this.#topmost(layers, folder)
      if (link?.kind === 'symbolic link') return await this.find(layers, throughLink(link, path), links - 1)
    }
    return undefined
  }

  async #topmost(layers: readonly LayerNames[], path: string): Promise<LayerFile | undefined> {
    for (const [at, { id, names }] of layers.entries()) {
      if (!mayHave(names, wordOf(path, 'file')) && !mayHave(names, wordOf(path, 'directory'))) continue
      const [file] = await this.filesIn(id, (each) => each.path === path)
      if (file !== undefined) return (await this.isCovered(path, layers.slice(0, at))) ? undefined : file
    }
    return undefined
  }

  async #coversIn(layerId: number, path: string, folders: readonly string[]): Promise<boolean> {
    const takes = ({ path: gone, isOpaque }: Whiteout) => folders.includes(gone) || (!isOpaque && gone === path)
    const stands = (file: LayerFile) => file.path === path || (file.kind !== 'directory' && folders.includes(file.path))
    for await (const { files, whiteouts } of this.#pieces(layerId)) if (whiteouts.some(takes) || files.some(stands)) return true
    return false
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

/** In which a path lies, the root first. */
export function foldersOf(path: string): readonly string[] {
  return path.split('/').map((_, at, parts) => parts.slice(0, at).join('/'))
}

/** Where a path leads that goes through a link, inside of the image. */
export function throughLink({ path: link, target }: LayerFile, path: string): string {
  const parts = target.startsWith('/') ? [] : link.split('/').slice(0, -1)
  for (const part of `${target}${path.slice(link.length)}`.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}
