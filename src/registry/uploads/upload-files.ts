import type { Liveness } from '../../metadata/processes.ts'
import type { UploadRow } from '../../metadata/uploads.ts'
import { algorithmOf, type Digest, type DigestAlgorithm, RunningDigest } from '../../oci/digest.ts'
import type { BeginUploadOptions, StorageDriver, StoragePath, UploadState, UploadWriter } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { UploadGoneError } from '../../storage/storage-errors.ts'
import { Rest } from '../rest.ts'
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
  /** For so long a process that is taken for dead may still begin something; left out, it has ended. */
  readonly lostForMs?: number
}

export interface OpeningRequest {
  readonly bringsBytes: boolean
  /** The digest of the blob, when the request brings all that is missing of it. */
  readonly closing: Digest | undefined
}

/**
 * The files behind upload sessions: who may go on in which one (docs/orders-of-writing.md, PATCH), and who removes it. The row of a session
 * owns the file that it names. Every other file belongs to the requests that have it open, and goes when the last of them lets go.
 */
export class UploadFiles {
  readonly #options: UploadFilesOptions
  readonly #digests: RunningDigests
  /** Requests of this process that write to a file or move it to its place at this moment, and the files that they have. */
  readonly #atWork = new Map<string, Set<UploadState>>()
  /** Files that no session names any more, and requests of this process still have. */
  readonly #abandoned = new Set<UploadState>()
  #writers = 0

  constructor(options: UploadFilesOptions, digests: RunningDigests) {
    this.#options = options
    this.#digests = digests
  }

  /** A request begins to work on uploads. It calls `leave` with this name at its end, whatever happened. */
  enter(): string {
    this.#writers += 1
    const own = `${this.#options.processId}/${this.#writers}`
    this.#atWork.set(own, new Set())
    return own
  }

  /** Never rejects: what cannot be removed now is found by `UploadOrphans`. */
  async leave(own: string): Promise<void> {
    const files = this.#atWork.get(own) ?? []
    this.#atWork.delete(own)
    for (const state of files) {
      if (!this.#abandoned.has(state) || this.isOpen(state)) continue
      this.#abandoned.delete(state)
      await this.#remove(state)
    }
  }

  /** Whether a request of this process works on the file. */
  isOpen(state: UploadState): boolean {
    return this.#atWork.values().some((files) => files.has(state))
  }

  /** Names the request that takes a session over: itself, then those that may have its file open from before. */
  succeed(own: string, before: string | null): string {
    const others = before?.split(',').filter((writer) => !this.#isOwn(writer) || this.#atWork.has(writer)) ?? []
    return [own, ...others].join(',')
  }

  /**
   * Opens the session's file at its offset, or a copy of it where another request may still have it open; undefined when it is gone.
   * A request that brings no bytes need not open it.
   */
  async open(row: UploadRow, writer: string, request: OpeningRequest): Promise<OpenUpload | undefined> {
    const opened = await this.#open(row, newestOf(writer), request)
    if (opened === undefined) return undefined
    this.#use(newestOf(writer), opened.file.state)
    return new OpenUpload(row, writer, opened)
  }

  /** A file for a request that no session stands behind. */
  async begin(own: string, target?: StoragePath, options?: BeginUploadOptions): Promise<UploadWriter> {
    const file = await this.#options.storage.beginUpload(target, options)
    this.#use(own, file.state)
    return file
  }

  /**
   * The session of an upload now names this file, or none: the other ones that it or the request had have no owner any more. Never rejects.
   */
  async keepOnly(named: UploadState | null, { row, file }: OpenUpload): Promise<void> {
    if (file.state !== named) await this.abandon(file.state)
    const before = row.state as UploadState | null
    if (before === null || before === named || before === file.state) return
    // A request of another process may be moving it to its place; it removes the file itself otherwise.
    if (row.writer?.split(',').some((writer) => !this.#isOwn(writer) && this.#isAtWork(writer))) return
    await this.abandon(before)
  }

  /** No session names the file any more: it goes as soon as no request of this process has it. Never rejects. */
  async abandon(state: UploadState): Promise<void> {
    if (this.isOpen(state)) this.#abandoned.add(state)
    else await this.#remove(state)
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

  async #open(row: UploadRow, own: string, { bringsBytes, closing }: OpeningRequest): Promise<OpenedFile | undefined> {
    const { storage } = this.#options
    if (row.state === null) return await this.#begin(row, closing)
    const state = row.state as UploadState
    if (await this.#isWritten(row)) return await this.#copy(row, own, state)
    const { lateBytesMs } = storage.capabilities
    if (row.writer !== null && lateBytesMs > 0) await Bun.sleep(lateBytesMs)
    // Where bytes may arrive late, what came after the offset is cut off first.
    const isLeft = !bringsBytes && lateBytesMs === 0
    const file = isLeft ? restingFile(state, row.byteOffset) : await storage.resumeUpload(state, row.byteOffset)
    const digest = this.#digests.take(row.id, state, row.byteOffset)
    return file === undefined ? undefined : { file, digest, endsWithRequest: false }
  }

  /** What one request brings as a whole goes straight to its place where moving it there would be a copy. */
  async #begin({ algorithm }: UploadRow, closing: Digest | undefined): Promise<OpenedFile> {
    const { storage } = this.#options
    const isDirect = closing !== undefined && storage.capabilities.completesByCopy
    const file = await storage.beginUpload(isDirect ? layout.blob(closing) : undefined)
    return {
      file,
      digest: new RunningDigest(closing === undefined ? algorithm : algorithmOf(closing)),
      endsWithRequest: isDirect,
    }
  }

  /** Whether a request may still have the file of the upload open. */
  async #isWritten({ writer }: UploadRow): Promise<boolean> {
    for (const request of writer?.split(',') ?? []) if (await this.#isAtWork(request)) return true
    return false
  }

  async #isAtWork(writer: string): Promise<boolean> {
    if (this.#isOwn(writer)) return this.#atWork.has(writer)
    const [process = ''] = writer.split('/')
    const { liveness, lostForMs = 0 } = this.#options
    return lostForMs > 0 || (await liveness.isAlive(process))
  }

  #isOwn(writer: string): boolean {
    return writer.startsWith(`${this.#options.processId}/`)
  }

  #use(own: string, state: UploadState): void {
    this.#atWork.get(own)?.add(state)
  }

  async #remove(state: UploadState): Promise<void> {
    await this.#options.storage.abortUpload(state).catch(() => undefined)
  }

  /** A file of its own with the acknowledged bytes: what the other writer still sends goes to a file that is never read. */
  async #copy(row: UploadRow, own: string, state: UploadState): Promise<OpenedFile | undefined> {
    const digest = new RunningDigest(row.algorithm)
    const file = await this.#options.storage.beginUpload()
    this.#use(own, file.state)
    try {
      await this.#read(state, row.byteOffset, async (bytes) => {
        digest.update(bytes)
        await file.write(bytes)
      })
      return { file, digest, endsWithRequest: false }
    } catch (error) {
      await file.close().catch(() => undefined)
      await this.abandon(file.state)
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
      const rest = new Rest()
      for await (const chunk of bytes) {
        const size = chunk.length
        await take(chunk)
        await rest.after(size)
      }
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
