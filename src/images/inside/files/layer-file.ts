import type { Found } from '../told/found.ts'

export type FileKind =
  | 'file'
  | 'directory'
  | 'symbolic link'
  | 'hard link'
  | 'character device'
  | 'block device'
  | 'pipe'
  | 'other'

/** What a layer says of a path. */
export interface LayerFile {
  /** Without a slash at either end; '' is the root. */
  readonly path: string
  readonly kind: FileKind
  /** Of its content, unpacked. */
  readonly size: number
  /** The permissions alone. */
  readonly mode: number
  readonly userId: number
  readonly groupId: number
  /** Of a link: as the layer has it. */
  readonly target: string
  /** How many entries of the layer come before it. */
  readonly place: number
  /** What its content tells, where it is of a kind that is read. */
  readonly found: Found | undefined
  /** Of its content, 32 bits with a key: another content of the same size has the same one once in four billion times. Undefined where none was asked for, and of what has no content. */
  readonly fingerprint: number | undefined
}

/** A file as a container sees it. */
export interface ImageFile extends LayerFile {
  /** Which layer it comes from; the lowest is 0. */
  readonly layer: number
  /** Where its bytes lie: a hard link has those of another file, which may be of a layer below. */
  readonly content: { readonly layer: number; readonly place: number }
}

/** What a layer takes from those below it (image-spec layer.md, Whiteouts). */
export interface Whiteout {
  /** The path that goes, or the directory whose content goes. */
  readonly path: string
  readonly isOpaque: boolean
}

/** Takes what a layer says, entry by entry, in its order. What it throws ends the reading. */
export interface LayerListing {
  addFile(file: LayerFile): void | Promise<void>
  addWhiteout(whiteout: Whiteout): void | Promise<void>
}

export interface LayerContents {
  readonly files: readonly LayerFile[]
  readonly whiteouts: readonly Whiteout[]
  /** Why something of the layer is not told, a sentence each. */
  readonly problems: readonly string[]
}
