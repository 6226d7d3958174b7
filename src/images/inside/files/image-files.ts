import type { LayerContents, LayerFile } from './layer-file.ts'

/** A file as a container sees it. */
export interface ImageFile extends LayerFile {
  /** Which layer it comes from; the lowest is 0. */
  readonly layer: number
}

/** As Linux follows them. */
const MOST_LINKS = 40

interface Node {
  file: ImageFile | undefined
  readonly children: Map<string, Node>
}

/** The files of an image as a container sees them: its layers one upon the other. */
export class ImageFiles {
  readonly #root: Node = emptyNode()
  #layers = 0

  /** The next layer up. Its whiteouts are about the layers below it alone. */
  add({ files, whiteouts }: LayerContents): void {
    const layer = this.#layers++
    for (const { path, isOpaque } of whiteouts) this.#remove(path, isOpaque)
    for (const file of files) this.#put({ ...file, layer })
  }

  /** The file at a path; links are followed inside of the image. Undefined: there is none. */
  find(path: string): ImageFile | undefined {
    return this.#resolve(path)?.file
  }

  /** What lies in a directory, by name; undefined where there is no such directory. */
  list(path: string): readonly ImageFile[] | undefined {
    const node = this.#resolve(path)
    if (node === undefined || (node.children.size === 0 && node.file?.kind !== 'directory')) return undefined
    const base = node.file?.path ?? partsOf(path).join('/')
    return [...node.children]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, child]) => child.file ?? unnamedDirectory(base === '' ? name : `${base}/${name}`))
  }

  /** All of them, by path. */
  *walk(node: Node = this.#root): Generator<ImageFile> {
    if (node.file !== undefined) yield node.file
    for (const [, child] of [...node.children].sort(([a], [b]) => (a < b ? -1 : 1))) yield* this.walk(child)
  }

  #put(file: ImageFile): void {
    const node = this.#make(file.path)
    if (file.kind !== 'directory') node.children.clear()
    const linked = file.kind === 'hard link' ? this.#nodeAt(file.target.replace(/^(\.?\/)+/, ''))?.file : undefined
    node.file = linked === undefined ? file : { ...linked, path: file.path, layer: file.layer }
  }

  #remove(path: string, isOpaque: boolean): void {
    const at = path.lastIndexOf('/')
    if (isOpaque) this.#nodeAt(path)?.children.clear()
    else this.#nodeAt(path.slice(0, Math.max(0, at)))?.children.delete(path.slice(at + 1))
  }

  #make(path: string): Node {
    let node = this.#root
    for (const name of partsOf(path)) {
      // What was a file, or a link, is a directory from this layer on.
      if (node.file !== undefined && node.file.kind !== 'directory' && node.file.kind !== 'symbolic link') node.file = undefined
      const child = node.children.get(name) ?? emptyNode()
      node.children.set(name, child)
      node = child
    }
    return node
  }

  #nodeAt(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of partsOf(path)) node = node?.children.get(name)
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
      const next = trail.at(-1)?.children.get(name)
      if (next === undefined) return undefined
      if (next.file?.kind !== 'symbolic link') {
        trail.push(next)
        continue
      }
      links += 1
      if (links > MOST_LINKS) return undefined
      const { target } = next.file
      if (target.startsWith('/')) trail = [this.#root]
      rest.push(...partsOf(target).reverse())
    }
    return trail.at(-1)
  }
}

function emptyNode(): Node {
  return { file: undefined, children: new Map() }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '')
}

/** Files lie in it, and no layer names it. */
function unnamedDirectory(path: string): ImageFile {
  const nothing = { userId: 0, groupId: 0, target: '', found: undefined, fingerprint: undefined }
  return { path, kind: 'directory', size: 0, mode: 0o755, ...nothing, layer: 0 }
}
