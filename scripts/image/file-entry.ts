/** A file of the image, root's. Its path has no slash at its beginning or end. */
export type FileEntry = DirectoryEntry | RegularFile | SymbolicLink

export interface DirectoryEntry {
  readonly kind: 'directory'
  readonly path: string
  readonly mode: number
}

export interface RegularFile {
  readonly kind: 'file'
  readonly path: string
  readonly mode: number
  readonly content: Uint8Array
}

export interface SymbolicLink {
  readonly kind: 'link'
  readonly path: string
  readonly target: string
}
