import type { UploadState, UploadWriter } from '../driver.ts'
import type { BudgetShare, ByteBudget } from './byte-budget.ts'
import type { DiskFile } from './disk.ts'

/** Synced while it arrives, so that the closing sync is short whatever the size (Docker gives up after 30 s). */
const SYNC_EVERY_BYTES = 64 * 1024 * 1024
/** What one upload may take of the budget of all. */
const MOST_BYTES_IN_MEMORY = 8 * 1024 * 1024

/**
 * Writes one upload's file. What arrives while one batch is on its way to the disk becomes the next batch: the body is read as fast as
 * it comes, in the small chunks in which it comes, and a slow disk is felt through the budget that all uploads share.
 */
export class UploadFile implements UploadWriter {
  readonly state: UploadState
  readonly #file: DiskFile
  readonly #budget: BudgetShare
  #offset: number
  #syncedUpTo: number
  #writtenUpTo: number
  #gathered: Uint8Array[] = []
  #flushing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(state: UploadState, file: DiskFile, offset: number, budget: ByteBudget) {
    this.state = state
    this.#file = file
    this.#budget = budget.share()
    this.#offset = offset
    this.#syncedUpTo = offset
    this.#writtenUpTo = offset
  }

  get offset(): number {
    return this.#offset
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#throwFailure()
    this.#gathered.push(bytes)
    const position = this.#offset
    this.#offset += bytes.length
    this.#flushing ??= this.#flush(position)
    await this.#budget.take(bytes.length)
    if (this.#offset - this.#writtenUpTo > MOST_BYTES_IN_MEMORY) await this.#flushing
  }

  async close(): Promise<void> {
    try {
      await this.#flushing
      this.#throwFailure()
    } finally {
      this.#budget.close()
      await this.#file.close()
    }
  }

  /** Writes batch after batch until nothing is left. Never rejects: a failure is thrown by the next write, or by close. */
  async #flush(start: number): Promise<void> {
    let position = start
    while (this.#gathered.length > 0) {
      const chunks = this.#gathered
      const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
      this.#gathered = []
      try {
        if (this.#failure === undefined) await this.#writeAndSync(chunks, position, position + length)
      } catch (error) {
        this.#failure = { error }
      }
      chunks.forEach(release)
      this.#budget.give(length)
      position += length
      this.#writtenUpTo = position
    }
    this.#flushing = undefined
  }

  async #writeAndSync(chunks: readonly Uint8Array[], position: number, end: number): Promise<void> {
    await this.#file.write(chunks, position)
    if (end - this.#syncedUpTo < SYNC_EVERY_BYTES) return
    await this.#file.sync()
    this.#syncedUpTo = end
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

/**
 * Gives a chunk's memory back at once. The collector does not see how much hangs on these small objects: with 64 uploads it let 250 MB
 * pile up where this keeps the process below 120. A chunk that shares its memory with others is left alone.
 */
function release(chunk: Uint8Array): void {
  const { buffer } = chunk
  if (buffer instanceof ArrayBuffer && buffer.byteLength === chunk.byteLength) buffer.transfer(0)
}
