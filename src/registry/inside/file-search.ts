import { setImmediate } from 'node:timers/promises'
import type { LayerFile } from '../../images/inside/files/layer-file.ts'
import { nameWordOf, wordOf } from '../../images/inside/files/layer-table.ts'
import { mayHave } from '../../images/inside/files/name-filter.ts'
import { type LayerHolder, type LayerNames, listLayerHolders, listLayerNames } from '../../metadata/inside/layers.ts'
import { listTagsAt } from '../../metadata/inside/packages.ts'
import { listThere } from '../../metadata/search/found.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { ShownNames } from '../../oci/name-ranges.ts'
import { foldersOf, LayerLookup, type LayerLookupOptions, throughLink } from './layer-lookup.ts'

const LAYERS_AT_ONCE = 200
const TAGS_SHOWN = 5
/** Of one layer: more images than have it are told by their common layer anyway. */
const MOST_HOLDERS = 1_000
/** A request looks through tables of layers for so long; the next page goes on. */
const PATIENCE_MS = 2_000

export interface FileSearchOptions extends LayerLookupOptions {
  readonly epoch: number
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
  readonly #lookup: LayerLookup

  constructor(options: FileSearchOptions) {
    this.#options = options
    this.#lookup = new LayerLookup(options)
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
    const fits = (file: LayerFile) => (isPath ? file.path === path : file.path.slice(file.path.lastIndexOf('/') + 1) === path)
    const found = words.some((word) => mayHave(layer.names, word)) ? await this.#fitting(layer, fits, shown) : []
    return isPath ? [...found, ...(await this.#throughLinks(layer, path, shown))] : found
  }

  async #fitting(
    layer: LayerNames,
    fits: (file: LayerFile) => boolean,
    shown: ShownNames | undefined,
  ): Promise<readonly FoundFile[]> {
    const files = await this.#lookup.filesIn(layer.id, fits)
    if (files.length === 0) return []
    const found: FoundFile[] = []
    for (const holder of await this.#visibleHolders(layer.digest, shown)) {
      const above = aboveOf(layer, await this.#lookup.layersOf(holder.digest))
      for (const file of files) if (!(await this.#lookup.isCovered(file.path, above))) found.push(await this.#told(file, holder))
    }
    return found
  }

  /** A folder on the way is a link in this layer, as /bin is: the file lies elsewhere, in any layer of the image. */
  async #throughLinks(layer: LayerNames, path: string, shown: ShownNames | undefined): Promise<readonly FoundFile[]> {
    const folders = foldersOf(path).filter((folder) => folder !== '' && mayHave(layer.names, wordOf(folder, 'file')))
    if (folders.length === 0) return []
    const isLink = (file: LayerFile) => file.kind === 'symbolic link' && folders.includes(file.path)
    const [link] = await this.#lookup.filesIn(layer.id, isLink)
    if (link === undefined) return []
    const found: FoundFile[] = []
    for (const holder of await this.#visibleHolders(layer.digest, shown)) {
      const layers = await this.#lookup.layersOf(holder.digest)
      if (await this.#lookup.isCovered(link.path, aboveOf(layer, layers))) continue
      const file = await this.#lookup.find(layers, throughLink(link, path))
      if (file !== undefined) found.push(await this.#told(file, holder))
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
}

/** The layers that lie upon one of an image, which may be there twice. */
function aboveOf({ digest }: LayerNames, layers: readonly LayerNames[]): readonly LayerNames[] {
  return layers.slice(
    0,
    layers.findIndex((layer) => layer.digest === digest),
  )
}
