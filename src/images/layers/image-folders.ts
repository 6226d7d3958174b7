import { posix } from 'node:path'
import { ImageError } from '../image-error.ts'
import type { TarEntry } from '../tar/tar-header.ts'
import { tarEntriesOf } from '../tar/tar-stream.ts'
import type { AddedFile } from './added-files.ts'
import { type FolderStatus, KnownFolders, selfAndAncestors } from './known-folders.ts'
import { unpackedLayer } from './unpacked-layer.ts'

/** As `mkdir -p` makes them. */
const NEW_FOLDER: FolderStatus = { mode: 0o755, userId: 0, groupId: 0 }
/** What many images have as links to below /usr and to /run: looked for at once, so that the layers are read once. */
const OFTEN_LINKS: Readonly<Record<string, readonly string[]>> = {
  ...{
    bin: ['usr', 'usr/bin'],
    sbin: ['usr', 'usr/sbin', 'usr/bin'],
    lib: ['usr', 'usr/lib'],
    lib64: ['usr', 'usr/lib64', 'usr/lib'],
  },
  'var/run': ['run'],
}
const MOST_LINKS = 20

/** Opens each layer of the base, the uppermost first. */
export type OpenLayers = readonly (() => AsyncIterable<Uint8Array>)[]

/**
 * The folders of an image that files are added to. A layer names all folders above its files, with what they have in the layers below: programs
 * that unpack a layer by itself would make them anew, with another mode and owner.
 */
export class ImageFolders {
  readonly #base: KnownFolders
  readonly #added = new Map<string, FolderStatus>()

  private constructor(base: KnownFolders) {
    this.#base = base
  }

  /** Reads the base's layers until they have told of all folders on the way to these paths. Throws ImageError. */
  static async read(paths: readonly string[], layers: OpenLayers): Promise<ImageFolders> {
    let wanted = withOftenLinks(new Set(paths.flatMap(selfAndAncestors)))
    for (;;) {
      const known = new KnownFolders(wanted)
      for (const open of layers) {
        if (known.isComplete) break
        await known.readLayer(tarEntriesOf(unpackedLayer(open()), 'a layer of the base'))
      }
      const folders = new ImageFolders(known)
      const behindLinks = paths.map((path) => folders.#resolve(path)).flatMap(selfAndAncestors)
      const more = wanted.union(new Set(behindLinks))
      if (more.size === wanted.size) return folders
      wanted = more
    }
  }

  /** The files of the next layer at their places, with the folders above them: sorted. A folder that is there keeps what it has. */
  place(files: readonly AddedFile[]): readonly AddedFile[] {
    const placed = new Map<string, AddedFile>()
    for (const file of files) {
      const isFolder = file.entry.kind === 'directory'
      const path = isFolder ? this.#resolve(file.entry.path) : this.#resolveParent(file.entry.path)
      for (const above of selfAndAncestors(path).slice(0, -1))
        if (!placed.has(above)) placed.set(above, this.#folder(above, file.entry))
      placed.set(
        path,
        isFolder
          ? { ...file, entry: { ...file.entry, ...this.#status(path), path } }
          : { ...file, entry: { ...file.entry, path } },
      )
    }
    for (const [path, { entry }] of placed) if (entry.kind === 'directory') this.#added.set(path, statusOf(entry))
    return [...placed.values()].sort((a, b) => Buffer.compare(Buffer.from(a.entry.path), Buffer.from(b.entry.path)))
  }

  #folder(path: string, { modifiedSeconds }: TarEntry): AddedFile {
    const status = this.#status(path) ?? NEW_FOLDER
    return { source: '', entry: { ...status, path, modifiedSeconds, kind: 'directory', sizeBytes: 0, target: '' } }
  }

  #status(path: string): FolderStatus | undefined {
    return this.#added.get(path) ?? this.#base.folder(path)
  }

  #resolveParent(path: string): string {
    return posix.join(this.#resolve(posix.dirname(path)), posix.basename(path))
  }

  /** Where a path leads in the base, through its links. Throws ImageError for links that go round. */
  #resolve(path: string): string {
    let resolved = path === '.' ? '' : path
    for (let followed = 0; followed < MOST_LINKS; followed += 1) {
      const link = selfAndAncestors(resolved).find((above) => this.#base.linkTarget(above) !== undefined)
      if (link === undefined) return resolved
      const target = posix.resolve('/', posix.dirname(link), this.#base.linkTarget(link) ?? '')
      resolved = posix.join(target, resolved.slice(link.length)).replace(/^\/|\/$/g, '')
    }
    throw new ImageError(`${path} is behind links of the base that go round; add it somewhere else`)
  }
}

function statusOf({ mode, userId, groupId }: TarEntry): FolderStatus {
  return { mode, userId, groupId }
}

function withOftenLinks(paths: ReadonlySet<string>): Set<string> {
  return new Set([...paths, ...Object.entries(OFTEN_LINKS).flatMap(([link, behind]) => (paths.has(link) ? behind : []))])
}
