import { posix } from 'node:path'
import type { ReadHeader } from '../tar/tar-reading.ts'

/** What a folder of an image has beside its name. */
export interface FolderStatus {
  readonly mode: number
  readonly userId: number
  readonly groupId: number
}

/** A folder, a link in its place, or undefined: neither. */
type Found = FolderStatus | { readonly target: string } | undefined

/** image-spec layer.md "Whiteouts". */
const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'

/** What the layers of an image say of some paths, the uppermost layer first. */
export class KnownFolders {
  readonly #wanted: ReadonlySet<string>
  readonly #found = new Map<string, Found>()

  constructor(wanted: Iterable<string>) {
    this.#wanted = new Set(wanted)
  }

  /** The layers below can say nothing more. */
  get isComplete(): boolean {
    return this.#found.size === this.#wanted.size
  }

  folder(path: string): FolderStatus | undefined {
    const found = this.#found.get(path)
    return found === undefined || 'target' in found ? undefined : found
  }

  linkTarget(path: string): string | undefined {
    const found = this.#found.get(path)
    return found !== undefined && 'target' in found ? found.target : undefined
  }

  /** The next layer below. What it puts in the place of something hides that in the layers below it. */
  async readLayer(entries: AsyncIterable<ReadHeader>): Promise<void> {
    const inLayer = new Map<string, Found>()
    const hidden = new Set<string>()
    const hide = (path: string) => this.#wanted.has(path) && hidden.add(path)
    for await (const entry of entries) {
      const path = posix.join('/', entry.path).replace(/^\/|\/$/g, '')
      const name = posix.basename(path)
      const parent = posix.dirname(path)
      if (name === OPAQUE) hide(parent)
      else if (name.startsWith(WHITEOUT)) hide(posix.join(parent, name.slice(WHITEOUT.length)))
      else if (this.#wanted.has(path)) inLayer.set(path, foundIn(entry))
      if (entry.kind !== 'directory') hide(path)
    }
    for (const path of this.#wanted) {
      if (this.#found.has(path)) continue
      if (inLayer.has(path)) this.#found.set(path, inLayer.get(path))
      else if (selfAndAncestors(path).some((above) => hidden.has(above) || this.#isNoFolder(above)))
        this.#found.set(path, undefined)
    }
  }

  #isNoFolder(path: string): boolean {
    return this.#found.has(path) && this.folder(path) === undefined
  }
}

function foundIn({ kind, mode, userId, groupId, target }: ReadHeader): Found {
  if (kind === 'directory') return { mode: mode & 0o7777, userId, groupId }
  return kind === 'symbolic link' ? { target } : undefined
}

/** `a/b/c`: `a`, `a/b`, `a/b/c`. */
export function selfAndAncestors(path: string): readonly string[] {
  const parts = path.split('/')
  return parts.map((_, at) => parts.slice(0, at + 1).join('/'))
}
