/**
 * BYTES AT PATHS. The contract that every storage driver keeps; the suites `test/support/storage-*-contract.ts` prove it for each.
 *
 * All methods may be called at once from many requests and many processes. What they promise as durable survives a power cut
 * once their promise has resolved. They throw `storageFull` when no space is left, StorageFault for what cannot be read or changed, else
 * what the system reports; never 'absent' for 'could not look'.
 */
export interface StorageDriver {
  readonly capabilities: StorageCapabilities

  /** Size and kind of what is there, or undefined when nothing is. */
  stat(path: StoragePath): Promise<StorageEntry | undefined>

  /** The whole of a small file, or undefined when there is none. Throws FileTooLargeError above `maxBytes`. */
  readSmall(path: StoragePath, maxBytes: number): Promise<Uint8Array | undefined>

  /**
   * The bytes of a file, or a part of it. A Blob where the runtime can send it by itself (a local file goes out with sendfile; the
   * caller has looked whether it is there), else a stream that fails if it is cut short, undefined when there is no file. A part must
   * lie within the file. `from` the storage itself, and not a copy of it on this machine: to find out what the storage has.
   */
  content(path: StoragePath, range?: ByteRange, from?: 'storage'): Promise<Blob | ReadableStream<Uint8Array> | undefined>

  /** Where a client can get a file from the storage itself, for a while; undefined where it is not to, or cannot. */
  redirectUrl(path: StoragePath): Promise<string | undefined>

  /** The names directly below a directory, in byte order; none when it is absent. For scans and checks, never for a request. */
  list(path: StoragePath): Promise<readonly string[]>

  /**
   * A page of the files below a directory, at any depth: what lies below one directory stands together, and its names are in byte order.
   * `after` is the `next` of the page before. A file that is not listed may be there all the same. For scans, never for a request.
   */
  listFiles(path: StoragePath, after?: string): Promise<FilePage>

  /**
   * Makes small files visible, each whole, and durable. All are prepared first; then the placements become visible one after the
   * other, each durable before the next begins, so the one that must be seen last stands last. A placement whose directory is
   * not there yet appears at once with all its files; else its files replace what is there in their order. One without files is
   * an empty directory. May be repeated. `anew`: below this directory some may have been removed that were there; nothing remembered is believed.
   */
  place(placements: readonly Placement[], options?: PlaceOptions): Promise<void>

  /**
   * Removes a file or a whole directory, durably, at once for every reader: the file `visibleBy` is what makes a directory visible, and
   * goes first where not all can go at once. What is absent already is success.
   */
  remove(path: StoragePath, visibleBy?: string): Promise<void>

  /**
   * As `remove` of the directories of files, where the caller knows that each holds this one file: a link, the bytes of a blob. An object
   * store is asked for these keys and lists none; a directory above several of them is synced once. What else lies in the directories may go or
   * stay. When it throws, some may have gone.
   */
  removeOnlyFiles(paths: readonly StoragePath[]): Promise<void>

  /** Resolves when what this process has removed so far takes no room any more. A storage may free it a while after its removal. */
  untilFreed(): Promise<void>

  /**
   * Removes directories, one after the other and each only while nothing is in it, durably; ends at the first that holds something. How many of them
   * are not there any more. What is placed there later says so by `anew`, and what another request is placing above or beside it at this moment is made again. Called only where `removesEmptyDirectories`.
   */
  removeEmptyDirectories(paths: readonly StoragePath[]): Promise<number>

  /** Moves what is at a path to another one, durably, in place of a file there: by one rename, or by a copy and a delete. Absent: nothing. */
  move(from: StoragePath, to: StoragePath): Promise<void>

  /**
   * What a path shows now, also that nothing is there, survives a power cut from here on: the process that changed it last may have died before
   * that was so. Changes nothing.
   */
  makeDurable(path: StoragePath): Promise<void>

  /**
   * A new file for the bytes of one upload by one writer; nothing of it is visible under the layout's paths. With a `target`, where it
   * will be completed if at all, a remote storage gathers the bytes there: they go no further than this process and its `completeUpload`.
   * `isReadMeanwhile`: what was handed over can be read by `openUpload` at once, from a file of this machine where the storage is a remote one.
   */
  beginUpload(target?: StoragePath, options?: BeginUploadOptions): Promise<UploadWriter>

  /** Goes on writing at `offset`, cutting off what lies beyond; undefined when the file is gone or shorter. The caller knows
   * that no other writer has it open. */
  resumeUpload(state: UploadState, offset: number): Promise<UploadWriter | undefined>

  /** The first `length` bytes written so far, without those before `start`; undefined when the file is gone or shorter. Its writer may go on. */
  readUpload(state: UploadState, length: number, start?: number): Promise<ReadableStream<Uint8Array> | undefined>

  /** For many readers of bytes that were written a moment ago; undefined when the upload is gone. The caller closes it. */
  openUpload(state: UploadState): Promise<UploadReader | undefined>

  /**
   * Moves the first `size` uploaded bytes to their place, durably; the caller knows that no process writes to it any more. A file of exactly
   * `size` bytes that is there already stays, and the upload is dropped; any other is replaced. May be repeated. Throws
   * UploadGoneError when the bytes are neither here nor there. `isUnknown`: nothing tells but the storage that it is there, and a store may
   * do so for a while after its removal: it is written in any case.
   */
  completeUpload(state: UploadState, target: StoragePath, size: number, options?: { readonly isUnknown: boolean }): Promise<void>

  /** Drops the bytes of an upload. What is absent already is success. */
  abortUpload(state: UploadState): Promise<void>

  /** Every upload that has bytes here; for the purge of those that no session names. */
  listUploads(): Promise<readonly ListedUpload[]>

  /** Removes what operations of processes that are gone have left half-made, where nothing has touched it for that long. */
  removeLeftovers(untouchedForMs: number): Promise<void>

  /** The same at once, for what belongs to processes that are gone for certain. `isGone` is asked with their ids. */
  removeLeftoversOf(isGone: (owner: string) => Promise<boolean>): Promise<void>
  /** Bytes free for new content and how many must stay free for deletes and metadata; undefined where there is no limit. */
  space(): Promise<StorageSpace | undefined>

  /** Finishes what runs in the background and lets go of everything held. */
  close(): Promise<void>
}

/** What a storage is like, each as a fact that something follows from. */
export interface StorageCapabilities {
  /**
   * For so long a request of a process that has died may still change the storage. 0: never. What is looked at sooner may still change
   * (docs/orders-of-writing.md, rule 4).
   */
  readonly lateMs: number
  /** For so long bytes may still come whose sender no longer waits for them. A living process waits for its other requests itself. */
  readonly lateBytesMs: number
  /** How many questions to ask side by side: each takes a trip to another machine. 1 where the disk of this machine answers. */
  readonly questionsAtOnce: number
  /** `listFiles` gives all files for less than a look into each directory costs: a scan compares such lists. */
  readonly listsWhole: boolean
  /** `completeUpload` copies the bytes to their place, unless they were gathered there (`beginUpload`). */
  readonly completesByCopy: boolean
  /** A directory is there also while it has no files. */
  readonly keepsEmptyDirectories: boolean
  /** Such a directory may be removed: what is placed there later is as durable as ever. */
  readonly removesEmptyDirectories: boolean
  /** Processes on other machines may write to it, and their life locks are not seen from here. */
  readonly isReachedByOtherMachines: boolean
}

/** Of a storage on this machine. */
export const LOCAL_STORAGE: StorageCapabilities = {
  lateMs: 0,
  lateBytesMs: 0,
  questionsAtOnce: 1,
  listsWhole: false,
  completesByCopy: false,
  keepsEmptyDirectories: true,
  removesEmptyDirectories: true,
  isReachedByOtherMachines: false,
}

export interface ListedUpload {
  readonly state: UploadState
  /** Of its last change, in milliseconds. */
  readonly changedAtMs: number
  /** The process that began it; undefined where that is not known. */
  readonly owner: string | undefined
}

/** A path below the storage root: segments of [A-Za-z0-9._-] joined by '/', no '.' or '..', no leading slash. */
export type StoragePath = string & { readonly storagePath: unique symbol }

export interface StorageEntry {
  readonly kind: 'file' | 'directory'
  /** Bytes; 0 for a directory. */
  readonly size: number
  readonly changedAtMs: number
}

export interface FilePage {
  readonly files: readonly ListedFile[]
  /** Where files lie that have no StoragePath: other programs put them there. Told by a storage that lists whole, and by no other. */
  readonly unnamed: readonly string[]
  /** Undefined on the last page. */
  readonly next: string | undefined
}

export interface ListedFile {
  readonly path: StoragePath
  /** Bytes. */
  readonly size: number
  /** As in `stat`, as exactly as a list of the storage tells it. */
  readonly changedAtMs: number
  /** What may be the MD5 of the bytes, in hex; some storages tell something else. Only that it is the expected one proves anything. */
  readonly md5: string | undefined
}

/** `start` inclusive, `end` exclusive, both within the file. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface BeginUploadOptions {
  readonly isReadMeanwhile: boolean
}

export interface PlaceOptions {
  readonly anew?: StoragePath | undefined
}

export interface Placement {
  readonly directory: StoragePath
  /** Relative to the directory, in the order in which they may become visible. */
  readonly files: readonly PlacedFile[]
}

export interface PlacedFile {
  readonly name: string
  readonly bytes: Uint8Array
  /** Readable by its owner alone, where the storage knows owners. */
  readonly secret?: boolean
}

/** Where an upload's bytes are: opaque text that any process can go on from. */
export type UploadState = string & { readonly uploadState: unique symbol }

/** One open file of one upload, owned by one request. The owner ends it with `close`, whatever happened. */
export interface UploadWriter {
  readonly state: UploadState
  /** Bytes handed over so far, counted from the start of the upload. */
  readonly offset: number
  /**
   * Takes bytes over: the caller must not touch them again, and sends more when this has resolved. `mayWait` is asked before a wait that
   * only spares others, and keeps it from waiting by false. Throws what the disk reports.
   */
  write(bytes: Uint8Array, mayWait?: () => boolean): Promise<void>
  /** Ends the writing. All bytes taken survive the process; a power cut they survive after `completeUpload`. */
  close(): Promise<void>
}

/** Reads one upload beside its writer, in any number of places at once. */
export interface UploadReader {
  /** Undefined when the upload has ended and cannot be read on. `isRecent`: it was written a moment ago, no disk is waited for. */
  read(part: ByteRange, options: { readonly isRecent: boolean }): Promise<Uint8Array | undefined>
  /** How many bytes it has by now, whichever process writes them; undefined where the storage does not tell. */
  size(): Promise<number | undefined>
  close(): Promise<void>
}

export interface StorageSpace {
  readonly freeBytes: number
  readonly reserveBytes: number
}

const SEGMENT = /^[A-Za-z0-9._-]+$/

/** What another program has put into a storage may have any name; undefined where it is none that a path here can have. */
export function findStoragePath(text: string): StoragePath | undefined {
  const isSafe = text.split('/').every((part) => SEGMENT.test(part) && part !== '.' && part !== '..')
  return isSafe ? (text as StoragePath) : undefined
}

/** Joins checked segments to a path. Throws on a segment that could leave the root: a bug of the caller, never a client's. */
export function storagePath(...segments: readonly string[]): StoragePath {
  const path = segments.length === 0 ? ('' as StoragePath) : findStoragePath(segments.join('/'))
  if (path === undefined) throw new Error(`not a storage path: ${segments.join('/')}`)
  return path
}

/** Where something is that a list has shown: another program may have given it any name. For a look, and for no change. */
export function listedPath(...segments: readonly string[]): StoragePath {
  return segments.join('/') as StoragePath
}
