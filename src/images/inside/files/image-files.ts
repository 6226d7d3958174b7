import type { Found } from '../told/found.ts'
import { FileNodes, ROOT } from './file-nodes.ts'
import type { ImageFile, LayerContents, LayerFile, Whiteout } from './layer-file.ts'
import { comparePaths } from './path-order.ts'

/** As Linux follows them. */
const MOST_LINKS = 40
/** As Linux has it. */
const MOST_PATH = 4_096

/** The files of an image as a container sees them: its layers one upon the other. */
export class ImageFiles {
  readonly #nodes = new FileNodes()
  #layers = 0
  /** Of the file that was added last, which leaves the folder where it is; what takes folders away forgets it. */
  #lastFolder: { readonly path: string; readonly node: number } | undefined

  /** The next layer up. Its whiteouts are about the layers below it alone. Throws ImageError where the paths have more folders than any image. */
  add({ files, whiteouts }: Pick<LayerContents, 'files' | 'whiteouts'>): void {
    this.beginLayer()
    for (const whiteout of whiteouts) this.addWhiteout(whiteout)
    for (const file of files) this.addFile(file)
  }

  /** What is added from here on is of the next layer up: first its whiteouts, then its files. */
  beginLayer(): void {
    this.#layers += 1
  }

  addWhiteout({ path, isOpaque }: Whiteout): void {
    this.#lastFolder = undefined
    const node = this.#nodeAt(path)
    if (node === undefined || (!isOpaque && isUnnamed(path))) return
    if (isOpaque) this.#nodes.clear(node)
    else this.#nodes.remove(node)
  }

  /** Throws ImageError where the paths have more folders than any image. */
  addFile(file: LayerFile): void {
    const layer = this.#layers - 1
    const node = this.#make(file.path)
    if (file.kind !== 'directory') this.#nodes.clear(node)
    const linked = file.kind === 'hard link' ? this.#nodeAt(file.target.replace(/^(\.?\/)+/, '')) : undefined
    if (linked !== undefined && this.#nodes.kind(linked) !== undefined) this.#nodes.copy(linked, node, layer)
    else this.#nodes.set(node, file, layer)
  }

  /** The file at a path; links are followed inside of the image. Undefined: there is none. */
  find(path: string): ImageFile | undefined {
    const node = this.#resolve(path)
    return node === undefined ? undefined : this.#nodes.file(node)
  }

  /** What lies in a directory, by name; undefined where there is no such directory. */
  list(path: string): readonly ImageFile[] | undefined {
    const node = this.#resolve(path)
    if (node === undefined || this.#isNoDirectory(node)) return undefined
    return this.#nodes.children(node).map((child) => this.#nodes.file(child) ?? unnamedDirectory(this.#nodes.path(child)))
  }

  /** All of them, by path. */
  *walk(): Generator<ImageFile> {
    const left = [ROOT]
    for (let node = left.pop(); node !== undefined; node = left.pop()) {
      const file = this.#nodes.file(node)
      if (file !== undefined) yield file
      for (const child of this.#nodes.children(node).toReversed()) left.push(child)
    }
  }

  /** What they tell, by path. */
  told(): readonly Found[] {
    return this.#nodes
      .told()
      .toSorted((a, b) => comparePaths(a.path, b.path))
      .map(({ found }) => found)
  }

  /** Files of one folder come one after another: the way to it is gone once for all of them. */
  #make(path: string): number {
    const at = path.lastIndexOf('/')
    const folder = path.slice(0, Math.max(0, at))
    const name = path.slice(at + 1)
    if (this.#lastFolder?.path !== folder) this.#lastFolder = { path: folder, node: this.#makeFolder(folder) }
    return name === '' ? this.#lastFolder.node : this.#makeIn(this.#lastFolder.node, name)
  }

  #makeFolder(path: string): number {
    let node = ROOT
    for (const name of partsOf(path)) node = this.#makeIn(node, name)
    return node
  }

  /** What was a file is a directory from this layer on; a link stays one, whatever lies in it. */
  #makeIn(folder: number, name: string): number {
    const kind = this.#nodes.kind(folder)
    if (kind !== undefined && kind !== 'directory' && kind !== 'symbolic link') this.#nodes.unset(folder)
    return this.#nodes.ensureChild(folder, name)
  }

  #nodeAt(path: string): number | undefined {
    let node: number | undefined = ROOT
    for (const name of partsOf(path)) node = node === undefined ? undefined : this.#nodes.child(node, name)
    return node
  }

  #resolve(path: string): number | undefined {
    let links = 0
    const rest = partsOf(path).reverse()
    let node: number = ROOT
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === '.') continue
      if (name === '..') {
        node = this.#nodes.parent(node)
        continue
      }
      const next = this.#nodes.child(node, name)
      if (next === undefined) return undefined
      if (this.#nodes.kind(next) !== 'symbolic link') {
        node = next
        continue
      }
      links += 1
      const target = this.#nodes.target(next)
      if (links > MOST_LINKS || target.length > MOST_PATH) return undefined
      if (target.startsWith('/')) node = ROOT
      rest.push(...partsOf(target).reverse())
    }
    return node
  }

  /** The root is one, though no layer names it. */
  #isNoDirectory(node: number): boolean {
    return !this.#nodes.hasChildren(node) && this.#nodes.kind(node) !== 'directory' && node !== ROOT
  }
}

/** `.wh.` alone names nothing. */
function isUnnamed(path: string): boolean {
  return path === '' || path.endsWith('/')
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '')
}

/** Files lie in it, and no layer names it. */
function unnamedDirectory(path: string): ImageFile {
  const nothing = { userId: 0, groupId: 0, target: '', place: 0, found: undefined, fingerprint: undefined }
  return { path, kind: 'directory', size: 0, mode: 0o755, ...nothing, layer: 0, content: { layer: 0, place: 0 } }
}
