import type { Digest } from '../../oci/digest.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'

/** What each layer costs at least: to find, to open and to note a small one takes as long as to read so much. */
const LEAST_BYTES = 256 * 1024

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

  /** Undefined where they are not there. They end with the reason of the signal. */
  async find(digest: Digest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
    const { storage } = this.#options
    // What a directory gives is a file that may not be there.
    if ((await storage.stat(layout.blob(digest)))?.kind !== 'file') return undefined
    const content = await storage.content(layout.blob(digest), undefined, 'storage')
    if (content === undefined) return undefined
    await this.#options.pace(LEAST_BYTES, signal)
    return this.#paced(content instanceof Blob ? content.stream() : content, signal)
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
