import type { Digest } from '../../oci/digest.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'

/** What each layer costs at least: to find, to open and to note a small one takes as long as to read so much. */
const LEAST_BYTES = 256 * 1024

/** A layer was removed while it was read: a mirror let go of it, or it was deleted. */
export class LayerGoneError extends Error {
  override readonly name = 'LayerGoneError'
  readonly digest: Digest

  constructor(digest: Digest, options?: ErrorOptions) {
    super(`the layer ${digest} was removed while it was read`, options)
    this.digest = digest
  }
}

export interface LayerBytesOptions {
  readonly storage: Pick<StorageDriver, 'content' | 'stat'>
  /** Is told of bytes that were read; resolves when more may be. */
  readonly pace: (bytes: number, signal: AbortSignal) => Promise<void>
}

/** The bytes of layers as they are stored, read no faster than the pace allows. */
export class LayerBytes {
  readonly #options: LayerBytesOptions

  constructor(options: LayerBytesOptions) {
    this.#options = options
  }

  /** Undefined where they are not there. They end with the reason of the signal, and with LayerGoneError when they are removed meanwhile. */
  async find(digest: Digest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
    // What a directory gives is a file that may not be there.
    if (!(await this.#isThere(digest))) return undefined
    const content = await this.#options.storage.content(layout.blob(digest), undefined, 'storage')
    if (content === undefined) return undefined
    await this.#options.pace(LEAST_BYTES, signal)
    const chunks = this.#untilGone(digest, content instanceof Blob ? content.stream() : content)
    return this.#paced(chunks, signal)
  }

  async #isThere(digest: Digest): Promise<boolean> {
    return (await this.#options.storage.stat(layout.blob(digest)))?.kind === 'file'
  }

  async *#untilGone(digest: Digest, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks
    } catch (error) {
      if (await this.#isThere(digest)) throw error
      throw new LayerGoneError(digest, { cause: error })
    }
  }

  async *#paced(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      signal.throwIfAborted()
      await this.#options.pace(chunk.length, signal)
      signal.throwIfAborted()
      yield chunk
    }
  }
}
