import type { UploadRow } from '../metadata/uploads.ts'
import { type Digest, type DigestAlgorithm, RunningDigest } from '../oci/digest.ts'
import { type StorageDriver, UploadGoneError, type UploadState, type UploadWriter } from '../storage/driver.ts'
import type { Liveness } from './operations.ts'
import type { RunningDigests } from './running-digests.ts'

/** One session while one request writes to it. */
export class OpenUpload {
  readonly row: UploadRow
  /** This request, as the row names it. */
  readonly writer: string
  readonly file: UploadWriter
  /** Of every byte handed to the file; undefined when this process has not seen them all. */
  readonly running: RunningDigest | undefined
  #isClosed = false

  constructor(row: UploadRow, writer: string, opened: { file: UploadWriter; digest: RunningDigest | undefined }) {
    this.row = row
    this.writer = writer
    this.file = opened.file
    this.running = opened.digest
  }

  /** Throws when the disk did not take it all; then only what was acknowledged before counts. */
  async close(): Promise<void> {
    await this.file.close()
    this.#isClosed = true
  }

  /** What may be acknowledged: all that was handed over, once the file is closed without an error. */
  get progress(): { readonly offset: number; readonly state: UploadState | null; readonly digest: RunningDigest | undefined } {
    if (this.#isClosed) return { offset: this.file.offset, state: this.file.state, digest: this.running }
    return { offset: this.row.byteOffset, state: this.row.state as UploadState | null, digest: undefined }
  }
}

export interface UploadFilesOptions {
  readonly storage: StorageDriver
  readonly processId: string
  readonly epoch: number
  readonly liveness: Liveness
}

/** The files behind upload sessions: who may go on in which one (docs/orders-of-writing.md, PATCH). */
export class UploadFiles {
  readonly #options: UploadFilesOptions
  readonly #digests: RunningDigests
  /** Writers of this process that have a file open at this moment. */
  readonly #writing = new Set<string>()
  #writers = 0

  constructor(options: UploadFilesOptions, digests: RunningDigests) {
    this.#options = options
    this.#digests = digests
  }

  newWriter(): string {
    this.#writers += 1
    return `${this.#options.processId}/${this.#writers}`
  }

  /** Opens the session's file at its offset, or a copy of it where a writer may still have it open; undefined when it is gone. */
  async open(row: UploadRow, writer: string): Promise<OpenUpload | undefined> {
    this.#writing.add(writer)
    try {
      const opened = await this.#open(row)
      if (opened !== undefined) return new OpenUpload(row, writer, opened)
    } catch (error) {
      this.#writing.delete(writer)
      throw error
    }
    this.#writing.delete(writer)
    return undefined
  }

  async close(upload: OpenUpload): Promise<void> {
    try {
      await upload.close()
    } finally {
      this.#writing.delete(upload.writer)
    }
  }

  /** The digest of a closed upload: as it ran along, as the row has it, or else by reading the bytes once. */
  async digestOf(upload: OpenUpload, algorithm: DigestAlgorithm): Promise<Digest> {
    const { running, row, file } = upload
    if (running?.algorithm === algorithm) return running.digest()
    const rowIsRight = row.byteOffset === file.offset && row.epoch === this.#options.epoch && row.state === file.state
    if (rowIsRight && row.digest?.startsWith(`${algorithm}:`)) return row.digest
    const bytes = await this.#options.storage.readUpload(file.state, file.offset)
    if (bytes === undefined) throw new UploadGoneError(`upload ${file.state} has lost its bytes`)
    const read = new RunningDigest(algorithm)
    for await (const chunk of bytes) read.update(chunk)
    return read.digest()
  }

  async #open(row: UploadRow): Promise<{ file: UploadWriter; digest: RunningDigest | undefined } | undefined> {
    const { storage } = this.#options
    if (row.state === null) return { file: await storage.beginUpload(), digest: new RunningDigest(row.algorithm) }
    const state = row.state as UploadState
    if (row.writer !== null && this.#mayStillWrite(row.writer)) return await this.#copy(row, state)
    const file = await storage.resumeUpload(state, row.byteOffset)
    return file === undefined ? undefined : { file, digest: this.#digests.take(row.id, state, row.byteOffset) }
  }

  #mayStillWrite(writer: string): boolean {
    const [process = ''] = writer.split('/')
    return process === this.#options.processId ? this.#writing.has(writer) : this.#options.liveness.isAlive(process)
  }

  /** A file of its own with the acknowledged bytes: whatever the other writer still does goes to a file that nobody reads. */
  async #copy(row: UploadRow, state: UploadState) {
    const { storage } = this.#options
    const bytes = await storage.readUpload(state, row.byteOffset)
    if (bytes === undefined) return undefined
    const digest = new RunningDigest(row.algorithm)
    const file = await storage.beginUpload()
    try {
      for await (const chunk of bytes) {
        digest.update(chunk)
        await file.write(chunk)
      }
      return { file, digest }
    } catch (error) {
      await file.close()
      await storage.abortUpload(file.state)
      throw error
    }
  }
}
