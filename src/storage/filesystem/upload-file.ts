import type { UploadState, UploadWriter } from '../driver.ts'
import type { DiskFile } from './disk.ts'
import type { Allowance } from './disk-space.ts'

/** Synced while it arrives, so that the closing sync is short whatever the size (Docker gives up after 30 s). */
const SYNC_EVERY_BYTES = 64 * 1024 * 1024

export interface UploadFileOptions {
  readonly file: DiskFile
  readonly offset: number
  /** What the file may still grow by; it ends with the file. */
  readonly allowance: Allowance
}

/**
 * Writes one upload's file. A sync goes on beside the writes that follow it; the next one waits for it, so that a slow disk holds the
 * client back. Where the upload may not wait the kernel does that, and its next sync begins when the one under way has ended.
 */
export class UploadFile implements UploadWriter {
  readonly state: UploadState
  readonly #file: DiskFile
  readonly #allowance: Allowance
  #offset: number
  #syncedUpTo: number
  #syncing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(state: UploadState, { file, offset, allowance }: UploadFileOptions) {
    this.state = state
    this.#allowance = allowance
    this.#file = file
    this.#offset = offset
    this.#syncedUpTo = offset
  }

  get offset(): number {
    return this.#offset
  }

  async write(bytes: Uint8Array, mayWait: () => boolean = () => true): Promise<void> {
    this.#throwFailure()
    const size = bytes.length
    await this.#allowance.ask(size)
    try {
      await this.#file.write(bytes, this.#offset, mayWait)
    } catch (error) {
      this.#failure = { error }
      throw error
    }
    this.#offset += size
    this.#allowance.written(size)
    release(bytes)
    if (this.#offset - this.#syncedUpTo < SYNC_EVERY_BYTES) return
    if (this.#syncing !== undefined && !mayWait()) return
    await this.#syncing
    this.#syncedUpTo = this.#offset
    this.#syncing = this.#sync()
  }

  async close(): Promise<void> {
    try {
      await this.#syncing
      this.#throwFailure()
    } finally {
      this.#allowance.end()
      await this.#file.close()
    }
  }

  /** Never rejects: a failure is thrown by the next write, or by close. */
  async #sync(): Promise<void> {
    try {
      await this.#file.sync()
    } catch (error) {
      this.#failure = { error }
    } finally {
      this.#syncing = undefined
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

/**
 * Gives a chunk's memory back at once. The collector does not see how much hangs on these small objects: with 40 uploads it let 110 MB
 * pile up where this keeps 37. A chunk that shares its memory with others is left alone.
 */
function release(chunk: Uint8Array): void {
  const { buffer } = chunk
  if (buffer instanceof ArrayBuffer && buffer.byteLength === chunk.byteLength) buffer.transfer(0)
}
