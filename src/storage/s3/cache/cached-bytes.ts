import type { ByteRange } from '../../driver.ts'
import type { KeptFile } from './cache-space.ts'

/** Opens a part of a blob in the store. */
export type FromStore = (range: ByteRange) => Promise<ReadableStream<Uint8Array>>

const READ_AT_ONCE_BYTES = 512 * 1024

export interface CachedBytesOptions {
  readonly handle: KeptFile['handle']
  readonly wanted: ByteRange
  readonly fromStore: FromStore
  readonly onFailure: (error: unknown) => void
}

/** A part of an open file, which is closed at its end. */
export class CachedBytes {
  readonly #options: CachedBytesOptions
  #position: number
  #isClosed = false
  #rest: AsyncIterator<Uint8Array> | undefined

  constructor(options: CachedBytesOptions) {
    this.#options = options
    this.#position = options.wanted.start
  }

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const bytes = await this.#next()
          this.#position += bytes.length
          if (bytes.length > 0) controller.enqueue(bytes)
          if (this.#position < this.#options.wanted.end) return
          await this.#close()
          controller.close()
        },
        cancel: async () => {
          await this.#close()
          await this.#rest?.return?.()
        },
      },
      { highWaterMark: 0 },
    )
  }

  async #next(): Promise<Uint8Array> {
    const { wanted, fromStore, onFailure } = this.#options
    if (this.#rest !== undefined) return await nextOf(this.#rest)
    try {
      return await this.#read()
    } catch (error) {
      onFailure(error)
      await this.#close()
      this.#rest = (await fromStore({ start: this.#position, end: wanted.end }))[Symbol.asyncIterator]()
      return await nextOf(this.#rest)
    }
  }

  async #read(): Promise<Uint8Array> {
    const { handle, wanted } = this.#options
    const bytes = new Uint8Array(Math.min(READ_AT_ONCE_BYTES, wanted.end - this.#position))
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, this.#position)
    if (bytesRead === 0 && bytes.length > 0) throw new Error('a file of the cache became shorter while it was read')
    return bytes.subarray(0, bytesRead)
  }

  async #close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#options.handle.close()
  }
}

async function nextOf(bytes: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  const { done, value } = await bytes.next()
  if (done === true) throw new Error('the store gave less than the rest of a blob')
  return value
}
