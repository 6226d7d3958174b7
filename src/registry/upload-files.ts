import type { UploadRow } from '../metadata/uploads.ts'
import { algorithmOf, type Digest, type DigestAlgorithm, RunningDigest } from '../oci/digest.ts'
import { type StorageDriver, UploadGoneError, type UploadState, type UploadWriter } from '../storage/driver.ts'
import { layout } from '../storage/layout.ts'
import { LATE_REQUESTS_MS } from './late-requests.ts'
import type { Liveness } from './operations.ts'
import type { RunningDigests } from './running-digests.ts'

/** One session while one request writes to it. */
export class OpenUpload {
  readonly row: UploadRow
  /** This request and those before it, as the row now names them. */
  readonly writer: string
  readonly file: UploadWriter
  /** Of every byte handed to the file; undefined when this process has not seen them all. */
  readonly running: RunningDigest | undefined
  /** The file is no use to a later request. */
  readonly #endsWithRequest: boolean
  #isClosed = false

  constructor(row: UploadRow, writer: string, opened: OpenedFile) {
    this.row = row
    this.writer = writer
    this.file = opened.file
    this.running = opened.digest
    this.#endsWithRequest = opened.endsWithRequest
  }

  /** Throws when the disk did not take it all; then only what was acknowledged before counts. */
  async close(): Promise<void> {
    await this.file.close()
    this.#isClosed = true
  }

  /** What may be acknowledged: all that was handed over, once the file is closed without an error. */
  get progress(): { readonly offset: number; readonly state: UploadState | null; readonly digest: RunningDigest | undefined } {
    if (this.#isClosed && !this.#endsWithRequest)
      return { offset: this.file.offset, state: this.file.state, digest: this.running }
    return { offset: this.row.byteOffset, state: this.row.state as UploadState | null, digest: undefined }
  }
}

interface OpenedFile {
  readonly file: UploadWriter
  readonly digest: RunningDigest | undefined
  readonly endsWithRequest: boolean
}

export interface UploadFilesOptions {
  readonly storage: StorageDriver
  readonly processId: string
  readonly epoch: number
  readonly liveness: Liveness
}

export interface OpeningRequest {
  readonly bringsBytes: boolean
  /** The digest of the blob, when the request brings all that is missing of it. */
  readonly closing: Digest | undefined
}

/** The files behind upload sessions: who may go on in which one (docs/orders-of-writing.md, PATCH). */
export class UploadFiles {
  readonly #options: UploadFilesOptions
  readonly #digests: RunningDigests
  /** Requests of this process that write to a file or move it to its place at this moment. */
  readonly #atWork = new Set<string>()
  #writers = 0

  constructor(options: UploadFilesOptions, digests: RunningDigests) {
    this.#options = options
    this.#digests = digests
  }

  /** Names a request that takes a session over: itself, then those that may have its file open from before. */
  newWriter(before: string | null): string {
    this.#writers += 1
    const own = `${this.#options.processId}/${this.#writers}`
    return before === null ? own : `${own},${before}`
  }

  /**
   * Opens the session's file at its offset, or a copy of it where another request may still have it open; undefined when it is gone.
   * Who brings no bytes need not open it. The caller releases what it got when it is done with the file, wherever that is by then.
   */
  async open(row: UploadRow, writer: string, request: OpeningRequest): Promise<OpenUpload | undefined> {
    const own = newestOf(writer)
    this.#atWork.add(own)
    try {
      const opened = await this.#open(row, request)
      if (opened !== undefined) return new OpenUpload(row, writer, opened)
    } catch (error) {
      this.#atWork.delete(own)
      throw error
    }
    this.#atWork.delete(own)
    return undefined
  }

  release(upload: OpenUpload): void {
    this.#atWork.delete(newestOf(upload.writer))
  }

  /** The digest of a closed upload: as it ran along, as the row has it, or else by reading the bytes once. */
  async digestOf(upload: OpenUpload, algorithm: DigestAlgorithm): Promise<Digest> {
    const { running, row, file } = upload
    if (running?.algorithm === algorithm) return running.digest()
    const rowIsRight = row.byteOffset === file.offset && row.epoch === this.#options.epoch && row.state === file.state
    if (rowIsRight && row.digest?.startsWith(`${algorithm}:`)) return row.digest
    const read = new RunningDigest(algorithm)
    await this.#read(file.state, file.offset, async (bytes) => read.update(bytes))
    return read.digest()
  }

  async #open(row: UploadRow, { bringsBytes, closing }: OpeningRequest): Promise<OpenedFile | undefined> {
    const { storage } = this.#options
    if (row.state === null) return await this.#begin(row, closing)
    const state = row.state as UploadState
    if (row.writer?.split(',').some((writer) => this.#isAtWork(writer))) return await this.#copy(row, state)
    if (row.writer !== null && storage.capabilities.isRemote) await Bun.sleep(LATE_REQUESTS_MS)
    const isLeft = !bringsBytes && !storage.capabilities.isRemote
    const file = isLeft ? restingFile(state, row.byteOffset) : await storage.resumeUpload(state, row.byteOffset)
    const digest = this.#digests.take(row.id, state, row.byteOffset)
    return file === undefined ? undefined : { file, digest, endsWithRequest: false }
  }

  /** What one request brings as a whole goes straight to its place where moving it there would be a copy. */
  async #begin({ algorithm }: UploadRow, closing: Digest | undefined): Promise<OpenedFile> {
    const { storage } = this.#options
    const isDirect = closing !== undefined && storage.capabilities.isRemote
    const file = await storage.beginUpload(isDirect ? layout.blob(closing) : undefined)
    return {
      file,
      digest: new RunningDigest(closing === undefined ? algorithm : algorithmOf(closing)),
      endsWithRequest: isDirect,
    }
  }

  #isAtWork(writer: string): boolean {
    const [process = ''] = writer.split('/')
    return process === this.#options.processId ? this.#atWork.has(writer) : this.#options.liveness.isAlive(process)
  }

  /** A file of its own with the acknowledged bytes: whatever the other writer still does goes to a file that nobody reads. */
  async #copy(row: UploadRow, state: UploadState): Promise<OpenedFile | undefined> {
    const digest = new RunningDigest(row.algorithm)
    const file = await this.#options.storage.beginUpload()
    try {
      await this.#read(state, row.byteOffset, async (bytes) => {
        digest.update(bytes)
        await file.write(bytes)
      })
      return { file, digest, endsWithRequest: false }
    } catch (error) {
      await file.close()
      await this.#options.storage.abortUpload(file.state)
      if (error instanceof UploadGoneError) return undefined
      throw error
    }
  }

  /** Throws UploadGoneError also when the file goes while it is read: another request has made a blob of it, or dropped it. */
  async #read(state: UploadState, length: number, take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    const { storage } = this.#options
    const bytes = await storage.readUpload(state, length)
    if (bytes === undefined) throw new UploadGoneError(`upload ${state} has lost its bytes`)
    try {
      for await (const chunk of bytes) await take(chunk)
    } catch (cause) {
      if ((await storage.readUpload(state, length)) !== undefined) throw cause
      throw new UploadGoneError(`upload ${state} has lost its bytes while they were read`, { cause })
    }
  }
}

/** A file that is left as it is; whether it still has its bytes is seen when they are moved to their place. */
function restingFile(state: UploadState, offset: number): UploadWriter {
  return {
    state,
    offset,
    write: async () => {
      throw new Error('an upload that brings no bytes is not written to')
    },
    close: async () => undefined,
  }
}

function newestOf(writer: string): string {
  return writer.split(',', 1)[0] ?? writer
}
