import { ImageError } from '../../image-error.ts'
import type { LayerContents, LayerFile, Whiteout } from './layer-file.ts'

/** A file as a container sees it. */
export interface ImageFile extends LayerFile {
  /** Which layer it comes from; the lowest is 0. */
  readonly layer: number
  /** Where its bytes lie: a hard link has those of another file, which may be of a layer below. */
  readonly content: { readonly layer: number; readonly place: number }
}

/** As Linux follows them. */
const MOST_LINKS = 40

interface Node {
  file: ImageFile | undefined
  /** Undefined until there is one: most are files. */
  children: Map<string, Node> | undefined
}

/** Of files and folders. Paths that are made of folders alone have many for each file. */
const MOST_NODES = 600_000
/** As Linux has it. */
const MOST_PATH = 4_096
const NO_CHILDREN: ReadonlyMap<string, Node> = new Map()

/** The files of an image as a container sees them: its layers one upon the other. */
export class ImageFiles {
  readonly #root: Node = emptyNode()
  #layers = 0
  #nodes = 0

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
    this.#remove(path, isOpaque)
  }

  /** Throws ImageError where the paths have more folders than any image. */
  addFile(file: LayerFile): void {
    const layer = this.#layers - 1
    this.#put({ ...file, layer, content: { layer, place: file.place } })
  }

  /** The file at a path; links are followed inside of the image. Undefined: there is none. */
  find(path: string): ImageFile | undefined {
    return this.#resolve(path)?.file
  }

  /** What lies in a directory, by name; undefined where there is no such directory. */
  list(path: string): readonly ImageFile[] | undefined {
    const node = this.#resolve(path)
    if (node === undefined || isNoDirectory(node, this.#root)) return undefined
    const base = node.file?.path ?? partsOf(path).join('/')
    return [...(node.children ?? NO_CHILDREN)]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, child]) => child.file ?? unnamedDirectory(base === '' ? name : `${base}/${name}`))
  }

  /** All of them, by path. */
  *walk(node: Node = this.#root): Generator<ImageFile> {
    if (node.file !== undefined) yield node.file
    for (const [, child] of [...(node.children ?? NO_CHILDREN)].sort(([a], [b]) => (a < b ? -1 : 1))) yield* this.walk(child)
  }

  #put(file: ImageFile): void {
    const node = this.#make(file.path)
    if (file.kind !== 'directory') node.children = undefined
    const linked = file.kind === 'hard link' ? this.#nodeAt(file.target.replace(/^(\.?\/)+/, ''))?.file : undefined
    node.file = linked === undefined ? file : { ...linked, path: file.path, layer: file.layer }
  }

  #remove(path: string, isOpaque: boolean): void {
    const at = path.lastIndexOf('/')
    const node = this.#nodeAt(isOpaque ? path : path.slice(0, Math.max(0, at)))
    if (isOpaque) node?.children?.clear()
    else node?.children?.delete(path.slice(at + 1))
  }

  #make(path: string): Node {
    let node = this.#root
    for (const name of partsOf(path)) {
      // What was a file, or a link, is a directory from this layer on.
      if (node.file !== undefined && node.file.kind !== 'directory' && node.file.kind !== 'symbolic link') node.file = undefined
      node.children ??= new Map()
      const child = node.children.get(name) ?? this.#newNode()
      node.children.set(name, child)
      node = child
    }
    return node
  }

  #newNode(): Node {
    this.#nodes += 1
    if (this.#nodes > MOST_NODES)
      throw new ImageError(`the paths of the image have more than ${MOST_NODES.toLocaleString('en-US')} files and folders`)
    return emptyNode()
  }

  #nodeAt(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of partsOf(path)) node = node?.children?.get(name)
    return node
  }

  #resolve(path: string): Node | undefined {
    let links = 0
    const rest = partsOf(path).reverse()
    let trail: Node[] = [this.#root]
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === '.') continue
      if (name === '..') {
        if (trail.length > 1) trail.pop()
        continue
      }
      const next = trail.at(-1)?.children?.get(name)
      if (next === undefined) return undefined
      if (next.file?.kind !== 'symbolic link') {
        trail.push(next)
        continue
      }
      links += 1
      const { target } = next.file
      if (links > MOST_LINKS || target.length > MOST_PATH) return undefined
      if (target.startsWith('/')) trail = [this.#root]
      rest.push(...partsOf(target).reverse())
    }
    return trail.at(-1)
  }
}

/** The root is one, though no layer names it. */
function isNoDirectory(node: Node, root: Node): boolean {
  return (node.children?.size ?? 0) === 0 && node.file?.kind !== 'directory' && node !== root
}

function emptyNode(): Node {
  return { file: undefined, children: undefined }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '')
}

/** Files lie in it, and no layer names it. */
function unnamedDirectory(path: string): ImageFile {
  const nothing = { userId: 0, groupId: 0, target: '', place: 0, found: undefined, fingerprint: undefined }
  return { path, kind: 'directory', size: 0, mode: 0o755, ...nothing, layer: 0, content: { layer: 0, place: 0 } }
}
