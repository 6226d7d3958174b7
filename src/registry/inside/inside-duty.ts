import { listArrivedImages, listUnreadImages, readNext } from '../../metadata/inside/images.ts'
import { findGone, removeGone } from '../../metadata/inside/layers.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ImageReader } from './image-reader.ts'

const AT_ONCE = 50
/** So many that could not be read end a run: the storage may not answer. */
const MOST_FAILED = 10
const AGAIN_MS = 60_000

export interface InsideDutyOptions {
  readonly metadata: Metadata
  readonly images: Pick<ImageReader, 'read'>
}

/** Reads what is in images, the newest first, and one that a caller asks for before all others. Removes what was kept of those that have gone. */
export class InsideDuty {
  readonly #options: InsideDutyOptions
  /** Those that could not be read, and when they are tried again: a layer of which the disk cannot give the end is not read over and over. */
  readonly #failed = new Map<Digest, number>()

  constructor(options: InsideDutyOptions) {
    this.#options = options
  }

  /** Ends early when the signal aborts; the next run goes on. Throws the first error, after the others have been read. */
  async run(signal: AbortSignal): Promise<void> {
    const failures: unknown[] = []
    for (const [digest, untilMs] of this.#failed) if (untilMs < performance.now()) this.#failed.delete(digest)
    await this.#removeGone(signal)
    await this.#wakeWaiting()
    for (let next = await this.#next(); next !== undefined && !signal.aborted; next = await this.#next()) {
      try {
        await this.#options.images.read(next, signal)
      } catch (error) {
        if (signal.aborted) break
        this.#failed.set(next, performance.now() + AGAIN_MS)
        if (failures.push(error) === MOST_FAILED) break
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  async #next(): Promise<Digest | undefined> {
    const unread = await listUnreadImages(this.#options.metadata.read, this.#failed.size + 1)
    return unread.find((digest) => !this.#failed.has(digest))
  }

  async #wakeWaiting(): Promise<void> {
    const { metadata } = this.#options
    const arrived = await listArrivedImages(metadata.read, AT_ONCE)
    if (arrived.length > 0) await metadata.write((query) => readNext(query, arrived, 'waiting'))
  }

  async #removeGone(signal: AbortSignal): Promise<void> {
    const { metadata } = this.#options
    for (let id = await findGone(metadata.read); id !== undefined && !signal.aborted; id = await findGone(metadata.read)) {
      const gone = id
      let isMore = true
      while (isMore && !signal.aborted) isMore = await metadata.write((query) => removeGone(query, gone))
    }
  }
}
