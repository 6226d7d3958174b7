import {
  type ByteRange,
  type FilePage,
  type ListedUpload,
  LOCAL_STORAGE,
  type Placement,
  type StorageCapabilities,
  type StorageDriver,
  type StorageEntry,
  type StoragePath,
  type StorageSpace,
  type UploadReader,
  type UploadState,
  type UploadWriter,
} from '../driver.ts'
import { comesAfter, FILES_IN_A_PAGE, pageOf } from '../file-page.ts'
import { FileTooLargeError, UploadGoneError } from '../storage-errors.ts'
import { readerByStreams } from '../upload-reader.ts'

/** Everything in this process's memory, gone with it: registry:2's `inmemory`, for trying things out and for tests. */
export class MemoryDriver implements StorageDriver {
  readonly capabilities: StorageCapabilities = LOCAL_STORAGE
  readonly #files = new Map<string, Blob>()
  readonly #directories = new Set<string>()
  /** One time for all: nothing here outlives the process. */
  readonly #changedAtMs = Date.now()
  readonly #uploads = new Map<string, MemoryUpload>()

  async stat(path: StoragePath): Promise<StorageEntry | undefined> {
    const file = this.#files.get(path)
    if (file !== undefined) return { kind: 'file', size: file.size, changedAtMs: this.#changedAtMs }
    return this.#directories.has(path) ? { kind: 'directory', size: 0, changedAtMs: this.#changedAtMs } : undefined
  }

  async readSmall(path: StoragePath, maxBytes: number): Promise<Uint8Array | undefined> {
    const file = this.#files.get(path)
    if (file === undefined) return undefined
    if (file.size > maxBytes) throw new FileTooLargeError(`${path} has ${file.size} bytes, more than ${maxBytes}`)
    return await file.bytes()
  }

  async content(path: StoragePath, range?: ByteRange): Promise<Blob | undefined> {
    const file = this.#files.get(path)
    return range === undefined ? file : file?.slice(range.start, range.end)
  }

  async redirectUrl(): Promise<undefined> {
    return undefined
  }

  async list(path: StoragePath): Promise<readonly string[]> {
    return [...this.#namesBelow(path)].sort()
  }

  async listFiles(path: StoragePath, after = ''): Promise<FilePage> {
    const paths = [...this.#files.keys()] as StoragePath[]
    const wanted = paths.filter((known) => known.startsWith(`${path}/`) && comesAfter(known, after))
    wanted.sort((one, other) => (comesAfter(one, other) ? 1 : -1))
    const files = wanted.slice(0, FILES_IN_A_PAGE).map((known) => ({
      path: known,
      size: this.#files.get(known)?.size ?? 0,
      changedAtMs: this.#changedAtMs,
      md5: undefined,
    }))
    return pageOf(files)
  }

  async place(placements: readonly Placement[]): Promise<void> {
    for (const { directory, files } of placements) {
      this.#addDirectory(directory)
      for (const { name, bytes } of files) this.#addFile(`${directory}/${name}`, new Blob([bytes.slice()]))
    }
  }

  async remove(path: StoragePath): Promise<void> {
    const isGone = (known: string) => known === path || known.startsWith(`${path}/`)
    for (const known of this.#files.keys()) if (isGone(known)) this.#files.delete(known)
    for (const known of this.#directories) if (isGone(known)) this.#directories.delete(known)
  }

  async removeOnlyFiles(paths: readonly StoragePath[]): Promise<void> {
    for (const path of paths) await this.remove(path.slice(0, path.lastIndexOf('/')) as StoragePath)
  }

  async untilFreed(): Promise<void> {
    // What is removed is gone at once.
  }

  async removeEmptyDirectories(paths: readonly StoragePath[]): Promise<number> {
    for (const [gone, path] of paths.entries()) {
      if (this.#namesBelow(path).size > 0) return gone
      this.#directories.delete(path)
    }
    return paths.length
  }

  async move(from: StoragePath, to: StoragePath): Promise<void> {
    const file = this.#files.get(from)
    if (file === undefined) return
    this.#addFile(to, file)
    this.#files.delete(from)
  }

  async makeDurable(): Promise<void> {
    // Nothing outlives the process.
  }

  async beginUpload(): Promise<UploadWriter> {
    const upload = new MemoryUpload(crypto.randomUUID() as UploadState)
    this.#uploads.set(upload.state, upload)
    return upload
  }

  async resumeUpload(state: UploadState, offset: number): Promise<UploadWriter | undefined> {
    const upload = this.#uploads.get(state)
    if (upload === undefined || upload.offset < offset) return undefined
    upload.cut(offset)
    return upload
  }

  async readUpload(state: UploadState, length: number, start = 0): Promise<ReadableStream<Uint8Array> | undefined> {
    const upload = this.#uploads.get(state)
    if (upload === undefined || upload.offset < length) return undefined
    return upload.blob().slice(start, length).stream()
  }

  async openUpload(state: UploadState): Promise<UploadReader | undefined> {
    return await readerByStreams(this, state)
  }

  async completeUpload(state: UploadState, target: StoragePath, size: number): Promise<void> {
    const upload = this.#uploads.get(state)
    if (this.#files.get(target)?.size !== size) {
      if (upload === undefined || upload.offset < size) throw new UploadGoneError(`upload ${state} has lost its bytes`)
      this.#addFile(target, upload.blob().slice(0, size))
    }
    this.#uploads.delete(state)
  }

  async abortUpload(state: UploadState): Promise<void> {
    this.#uploads.delete(state)
  }

  async listUploads(): Promise<readonly ListedUpload[]> {
    return [...this.#uploads.values()].map(({ state, changedAtMs }) => ({ state, changedAtMs, owner: undefined }))
  }

  async removeLeftovers(): Promise<void> {
    // Nothing is ever half-made here: every method above runs in one turn of the event loop.
  }

  async removeLeftoversOf(): Promise<void> {
    // As above, and what a process had here is gone with it.
  }

  async space(): Promise<StorageSpace | undefined> {
    return undefined
  }

  async close(): Promise<void> {
    this.#files.clear()
    this.#directories.clear()
    this.#uploads.clear()
  }

  #namesBelow(path: StoragePath): ReadonlySet<string> {
    const names = new Set<string>()
    for (const known of [...this.#files.keys(), ...this.#directories]) {
      if (!known.startsWith(`${path}/`)) continue
      const [name] = known.slice(path.length + 1).split('/')
      if (name !== undefined) names.add(name)
    }
    return names
  }

  #addFile(path: string, content: Blob): void {
    this.#files.set(path, content)
    this.#addDirectory(path.slice(0, path.lastIndexOf('/')))
  }

  #addDirectory(path: string): void {
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) this.#directories.add(path.slice(0, end))
  }
}

class MemoryUpload implements UploadWriter {
  readonly state: UploadState
  #parts: (Uint8Array<ArrayBuffer> | Blob)[] = []
  #length = 0
  changedAtMs = Date.now()

  constructor(state: UploadState) {
    this.state = state
  }

  get offset(): number {
    return this.#length
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#parts.push(bytes.slice())
    this.#length += bytes.length
    this.changedAtMs = Date.now()
  }

  async close(): Promise<void> {
    // The bytes are where they stay.
  }

  cut(length: number): void {
    this.#parts = [this.blob().slice(0, length)]
    this.#length = length
  }

  blob(): Blob {
    return new Blob(this.#parts)
  }
}
