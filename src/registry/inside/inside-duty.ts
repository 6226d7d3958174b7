import { setImmediate } from 'node:timers/promises'
import { listUnreadImages, listWaitingImages, readNext, type WaitingImage } from '../../metadata/inside/images.ts'
import { findGone, removeGone } from '../../metadata/inside/layers.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ImageReader } from './image-reader.ts'

/** Of images that wait: a look at so many takes a millisecond, and a run looks so often. */
const LOOKED_AT_ONCE = 500
const LOOKS = 20
/** So many that could not be read end a run: the storage may not answer. */
const MOST_FAILED = 10
const AGAIN_MS = 60_000
/** What no caller asks for begins to be read within so long: pushes are not disturbed by what they have just brought, and a start has no more to do. */
const ALL_EVERY_MS = 10_000

export interface InsideDutyOptions {
  readonly metadata: Metadata
  readonly images: Pick<ImageReader, 'read'>
  readonly nowMs?: (() => number) | undefined
}

/** Reads what is in images, the newest first, and one that a caller asks for before all others. Removes what was kept of those that have gone. */
export class InsideDuty {
  readonly #options: InsideDutyOptions
  /** Those that could not be read, and when they are tried again: a layer of which the disk cannot give the end is not read over and over. */
  readonly #failed = new Map<Digest, number>()
  readonly #nowMs: () => number
  #allAtMs: number
  /** Those that wait are looked at from here on. */
  #waitingFrom: WaitingImage | undefined

  constructor(options: InsideDutyOptions) {
    this.#options = options
    this.#nowMs = options.nowMs ?? (() => performance.now())
    this.#allAtMs = this.#nowMs() + ALL_EVERY_MS
  }

  /** What callers ask for, and all else when it is time for it. Called every few seconds; as `run` otherwise. */
  async look(signal: AbortSignal): Promise<void> {
    if (this.#nowMs() < this.#allAtMs) return await this.#read('asked', signal)
    await this.run(signal)
    this.#allAtMs = this.#nowMs() + ALL_EVERY_MS
  }

  /** Ends early when the signal aborts; the next run goes on. Throws the first error, after the others have been read. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#removeGone(signal)
    await this.#wakeWaiting(signal)
    await this.#read('all', signal)
  }

  async #read(which: 'asked' | 'all', signal: AbortSignal): Promise<void> {
    const failures: unknown[] = []
    for (const [digest, untilMs] of this.#failed) if (untilMs < this.#nowMs()) this.#failed.delete(digest)
    for (let next = await this.#next(which); next !== undefined && !signal.aborted; next = await this.#next(which)) {
      try {
        await this.#options.images.read(next, signal)
      } catch (error) {
        if (signal.aborted) break
        this.#failed.set(next, this.#nowMs() + AGAIN_MS)
        if (failures.push(error) === MOST_FAILED) break
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  async #next(which: 'asked' | 'all'): Promise<Digest | undefined> {
    const unread = await listUnreadImages(this.#options.metadata.read, which, this.#failed.size + 1)
    return unread.find((digest) => !this.#failed.has(digest))
  }

  /** Those that waited for what has come. A run begins with the last pushed ones, and goes on where the run before ended. */
  async #wakeWaiting(signal: AbortSignal): Promise<void> {
    const last = await this.#wakeAfter(undefined)
    let from = this.#waitingFrom ?? last
    for (let look = 1; look < LOOKS && from !== undefined && !signal.aborted; look += 1) {
      await setImmediate()
      from = await this.#wakeAfter(from)
    }
    this.#waitingFrom = from
  }

  /** Gives the last that was looked at; undefined where there are no more. */
  async #wakeAfter(after: WaitingImage | undefined): Promise<WaitingImage | undefined> {
    const { metadata } = this.#options
    const waiting = await listWaitingImages(metadata.read, after, LOOKED_AT_ONCE)
    const arrived = waiting.filter(({ isThere }) => isThere).map(({ digest }) => digest)
    if (arrived.length > 0) await metadata.write((query) => readNext(query, arrived, 'waiting'))
    return waiting.length < LOOKED_AT_ONCE ? undefined : waiting.at(-1)
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
