/** One change of a disk. Paths are relative to its root; a file keeps its number when its name changes. */
export type DiskStep =
  | { readonly kind: 'create'; readonly path: string; readonly file: number }
  | { readonly kind: 'write'; readonly file: number; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly file: number; readonly length: number }
  | { readonly kind: 'sync file'; readonly file: number }
  | { readonly kind: 'make directory'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'sync directory'; readonly path: string }
  | { readonly kind: 'remove'; readonly path: string }

/** What is there, by path: bytes of a file, undefined for a directory. Parents come first. */
export type DiskTree = ReadonlyMap<string, Uint8Array | undefined>

/**
 * What a cut may leave. `durable`: bytes up to a file's last sync, a name only after a sync of its directory. `names`: every name, but
 * the bytes only up to the last sync. `everything`: as after kill -9.
 */
export type Survival = 'durable' | 'names' | 'everything'

interface FileNode {
  readonly kind: 'file'
  readonly number: number
  parent: DirectoryNode | undefined
  bytes: Uint8Array
  durable: Uint8Array
}

interface DirectoryNode {
  readonly kind: 'directory'
  parent: DirectoryNode | undefined
  entries: Map<string, DiskNode>
  durable: Map<string, DiskNode>
}

type DiskNode = FileNode | DirectoryNode

interface Rename {
  readonly node: DiskNode
  readonly from: DirectoryNode
  readonly fromName: string
  readonly to: DirectoryNode
  readonly toName: string
}

/** A disk in memory that knows what of it a power cut would leave. A rename is atomic: it survives at both ends or at none. */
export class DiskModel {
  readonly #syncsNames: boolean
  readonly #root = newDirectory(undefined)
  readonly #files = new Map<number, FileNode>()
  #renames: Rename[] = []

  constructor(options: { readonly syncsNames: boolean }) {
    this.#syncsNames = options.syncsNames
  }

  apply(step: DiskStep): void {
    switch (step.kind) {
      case 'create':
        this.#create(step.path, step.file)
        break
      case 'write':
        this.#change(step.file, (bytes) => overwritten(bytes, step.position, step.bytes))
        break
      case 'truncate':
        this.#change(step.file, (bytes) => bytes.slice(0, step.length))
        break
      case 'sync file':
        this.#sync(this.#file(step.file))
        break
      case 'make directory':
        this.#add(step.path, newDirectory(this.#directory(parentOf(step.path))))
        break
      case 'rename':
        this.#rename(step.from, step.to)
        break
      case 'sync directory':
        this.#sync(this.#directory(step.path))
        break
      case 'remove':
        this.#directory(parentOf(step.path)).entries.delete(nameOf(step.path))
        break
    }
  }

  /** The system writes back one file or directory by itself, as it may at any time. `choose` picks among so many. */
  writeBack(choose: (count: number) => number): void {
    const nodes = [...nodesBelow(this.#root)]
    const node = nodes[choose(nodes.length)]
    if (node !== undefined) this.#sync(node)
  }

  fileAt(path: string): number {
    const node = this.#directory(parentOf(path)).entries.get(nameOf(path))
    if (node?.kind !== 'file') throw new Error(`the model has no file ${path}`)
    return node.number
  }

  survivors(survival: Survival): DiskTree {
    const tree = new Map<string, Uint8Array | undefined>()
    const visit = (directory: DirectoryNode, prefix: string) => {
      for (const [name, node] of survival === 'durable' ? directory.durable : directory.entries) {
        const path = prefix + name
        if (node.kind === 'file') tree.set(path, survival === 'everything' ? node.bytes : node.durable)
        else {
          tree.set(path, undefined)
          visit(node, `${path}/`)
        }
      }
    }
    visit(this.#root, '')
    return tree
  }

  #create(path: string, number: number): void {
    const empty = new Uint8Array()
    const file: FileNode = { kind: 'file', number, parent: this.#directory(parentOf(path)), bytes: empty, durable: empty }
    this.#files.set(number, file)
    this.#add(path, file)
  }

  #add(path: string, node: DiskNode): void {
    this.#directory(parentOf(path)).entries.set(nameOf(path), node)
  }

  #change(file: number, change: (bytes: Uint8Array) => Uint8Array): void {
    const node = this.#file(file)
    node.bytes = change(node.bytes)
  }

  #rename(fromPath: string, toPath: string): void {
    const [from, to] = [this.#directory(parentOf(fromPath)), this.#directory(parentOf(toPath))]
    const [fromName, toName] = [nameOf(fromPath), nameOf(toPath)]
    const node = from.entries.get(fromName)
    if (node === undefined) throw new Error(`the model has nothing at ${fromPath}`)
    from.entries.delete(fromName)
    to.entries.set(toName, node)
    node.parent = to
    this.#renames.push({ node, from, fromName, to, toName })
  }

  #sync(node: DiskNode): void {
    if (node.kind === 'file') node.durable = node.bytes
    else this.#keepEntries(node)
    if (this.#syncsNames) this.#keepNamesOf(node)
  }

  #keepEntries(directory: DirectoryNode): void {
    directory.durable = new Map(directory.entries)
    for (const rename of this.#renames) if (rename.from === directory || rename.to === directory) keepRename(rename)
    this.#renames = this.#renames.filter(({ from, to }) => from !== directory && to !== directory)
  }

  /** Keeps every name on the way down to a node, and nothing else. */
  #keepNamesOf(node: DiskNode): void {
    for (let below = node; below.parent !== undefined; below = below.parent) {
      for (const [name, entry] of below.parent.entries) if (entry === below) below.parent.durable.set(name, below)
      for (const rename of this.#renames) if (rename.node === below) keepRename(rename)
      this.#renames = this.#renames.filter((rename) => rename.node !== below)
    }
  }

  #file(number: number): FileNode {
    const file = this.#files.get(number)
    if (file === undefined) throw new Error(`the model has no file number ${number}`)
    return file
  }

  #directory(path: string): DirectoryNode {
    let directory = this.#root
    for (const name of path.split('/').filter((segment) => segment !== '' && segment !== '.')) {
      const node = directory.entries.get(name)
      if (node?.kind !== 'directory') throw new Error(`the model has no directory ${path}`)
      directory = node
    }
    return directory
  }
}

function keepRename({ node, from, fromName, to, toName }: Rename): void {
  if (from.durable.get(fromName) === node && from.entries.get(fromName) !== node) from.durable.delete(fromName)
  if (to.entries.get(toName) === node) to.durable.set(toName, node)
}

function newDirectory(parent: DirectoryNode | undefined): DirectoryNode {
  return { kind: 'directory', parent, entries: new Map(), durable: new Map() }
}

function* nodesBelow(directory: DirectoryNode): Generator<DiskNode> {
  yield directory
  for (const node of directory.entries.values()) {
    if (node.kind === 'file') yield node
    else yield* nodesBelow(node)
  }
}

function overwritten(bytes: Uint8Array, position: number, added: Uint8Array): Uint8Array {
  const result = new Uint8Array(Math.max(bytes.length, position + added.length))
  result.set(bytes)
  result.set(added, position)
  return result
}

function parentOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
