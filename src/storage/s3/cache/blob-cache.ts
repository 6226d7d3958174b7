import { algorithmOf, type Digest, RunningDigest } from '../../../oci/digest.ts'
import type { ByteRange } from '../../driver.ts'
import type { CacheSpace } from './cache-space.ts'
import { CachedBytes, type FromStore } from './cached-bytes.ts'
import { IncomingCopy } from './incoming-copy.ts'

export interface BlobCacheOptions {
  readonly space: CacheSpace
  /** Is told what the disk of the cache failed to do; the pull goes on without it. */
  readonly onFailure: (error: unknown) => void
}

/**
 * Blobs that were pulled, on a disk of this machine. Whether a blob exists, and where, it does not know: that was asked before. It never
 * fails, and never keeps a pull waiting for long.
 */
export class BlobCache {
  readonly #space: CacheSpace
  readonly #onFailure: (error: unknown) => void
  readonly #arriving = new Set<Digest>()
  readonly #ending = new Set<Promise<void>>()

  constructor({ space, onFailure }: BlobCacheOptions) {
    this.#space = space
    this.#onFailure = onFailure
  }

  /** The bytes of a blob, or a part of them, if they are here; where the disk fails half-way, the rest comes from the store. */
  async find(
    digest: Digest,
    range: ByteRange | undefined,
    fromStore: FromStore,
  ): Promise<ReadableStream<Uint8Array> | undefined> {
    try {
      const file = await this.#space.find(digest)
      if (file === undefined) return undefined
      const wanted = range ?? { start: 0, end: file.size }
      return new CachedBytes({ handle: file.handle, wanted, fromStore, onFailure: this.#onFailure }).stream()
    } catch (error) {
      this.#onFailure(error)
      return undefined
    }
  }

  /** Passes a whole blob on as it comes from the store, and keeps it if it comes to its end and is what its digest says. */
  keep(digest: Digest, size: number, stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    if (this.#arriving.has(digest)) return stream
    this.#arriving.add(digest)
    const running = new RunningDigest(algorithmOf(digest))
    const copy = new IncomingCopy({ space: this.#space, size, onFailure: this.#onFailure })
    const end = (isWhole: boolean) => {
      const ending = copy.end(isWhole && running.digest() === digest ? digest : undefined).finally(() => {
        this.#arriving.delete(digest)
        this.#ending.delete(ending)
      })
      this.#ending.add(ending)
    }
    const reader = stream.getReader()
    let left = size
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { done, value } = await reader.read().catch((error: unknown) => {
            end(false)
            throw error
          })
          if (done) {
            if (left > 0) end(false)
            controller.close()
            return
          }
          running.update(value)
          left -= value.length
          controller.enqueue(await copy.write(value))
          if (left > 0) return
          end(left === 0)
          controller.close()
        },
        cancel: async (reason) => {
          end(false)
          await reader.cancel(reason)
        },
      },
      { highWaterMark: 0 },
    )
  }

  /** Waits for files that are on their way to their place. */
  async close(): Promise<void> {
    await Promise.all(this.#ending)
  }
}
