import type { UploadState, UploadWriter } from '../driver.ts'
import type { DiskFile } from './disk.ts'

/** Chunks are gathered to this size: 64 uploads at once then hold 64 × 2 × 256 KiB = 32 MiB. */
const BATCH_BYTES = 256 * 1024
/** Synced while it arrives, so that the closing sync is short whatever the size (Docker gives up after 30 s). */
const SYNC_EVERY_BYTES = 64 * 1024 * 1024

/** Writes one upload's file: one batch is on its way to the disk while the next is gathered. */
export class UploadFile implements UploadWriter {
  readonly state: UploadState
  readonly #file: DiskFile
  #offset: number
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #syncedUpTo: number
  #flushing: Promise<void> = Promise.resolve()

  constructor(state: UploadState, file: DiskFile, offset: number) {
    this.state = state
    this.#file = file
    this.#offset = offset
    this.#syncedUpTo = offset
  }

  get offset(): number {
    return this.#offset
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#gathered.push(bytes)
    this.#gatheredBytes += bytes.length
    this.#offset += bytes.length
    if (this.#gatheredBytes < BATCH_BYTES) return
    await this.#flushing
    this.#flush()
  }

  async close(): Promise<void> {
    try {
      await this.#flushing
      if (this.#gatheredBytes > 0) this.#flush()
      await this.#flushing
    } finally {
      await this.#file.close()
    }
  }

  /** Starts the next batch. Its failure is thrown where `#flushing` is awaited: by the next write, or by close. */
  #flush(): void {
    const position = this.#offset - this.#gatheredBytes
    const chunks = this.#gathered
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#flushing = this.#writeAndSync(chunks, position, this.#offset)
    this.#flushing.catch(() => undefined)
  }

  async #writeAndSync(chunks: readonly Uint8Array[], position: number, end: number): Promise<void> {
    await this.#file.write(chunks, position)
    if (end - this.#syncedUpTo < SYNC_EVERY_BYTES) return
    await this.#file.sync()
    this.#syncedUpTo = end
  }
}
