import { setTimeout as pause } from 'node:timers/promises'
import { readClockMs } from '../../../metadata/keeping/times.ts'
import { type FetchName, reserve, sumReserved } from '../../../metadata/mirroring/fetches.ts'
import { type Metadata, MetadataNotWritableError, type Query } from '../../../metadata/query.ts'
import type { Log } from '../../../observe/log.ts'
import { Semaphore } from '../../../runtime/semaphore.ts'
import { untilAborted } from '../../../runtime/until-aborted.ts'
import type { CollectorClock } from '../../collect/collector-clock.ts'
import type { Whether } from '../../collect/whether.ts'
import type { PullNotes } from '../../pulls/pull-notes.ts'
import type { MirrorEvents } from '../mirror-events.ts'
import { usedBy } from './counted-mirrors.ts'
import type { Evicted, Eviction } from './eviction.ts'
import type { LeastUsed, Unused } from './least-used.ts'
import type { MirrorLimits } from './mirror-limits.ts'

/** From this part of its size on a mirror is made smaller in the background, so that few fetches wait for room. */
const HIGH = 0.95
/** As far down it goes then. */
const LOW = 0.9
/** A fetch waits for room for so long, while others are under way: after that it is done nonetheless. */
const PATIENCE_MS = 30_000
const LOOK_AGAIN_MS = 200
/** Where nothing could go, all that a mirror holds is looked at again after so long. */
const REST_MS = 2_000
const SECOND_MS = 1_000
const HOUR_MS = 60 * 60 * SECOND_MS

export interface MirrorSpaceOptions {
  readonly metadata: Metadata
  /** The prefix of the mirror, or ''. */
  readonly mirror: string
  /** Under which name the metadata counts what it holds. */
  readonly countedAs: string
  readonly limits: MirrorLimits
  readonly processId: string
  readonly epoch: number
  readonly leastUsed: Pick<LeastUsed, 'find'>
  readonly eviction: Pick<Eviction, 'take'>
  /** What was pulled is written down before it is asked for. */
  readonly pulls: Pick<PullNotes, 'write'>
  readonly whether: Pick<Whether, 'waits' | 'hasObstacle'>
  readonly clock: Pick<CollectorClock, 'marginMs'>
  readonly events: MirrorEvents
  readonly patienceMs?: number
  /** Ends it where it is. */
  readonly signal: AbortSignal
  readonly log: Log
}

/** Keeps a mirror within its size, and what is not used any more out of it. */
export class MirrorSpace {
  readonly #options: MirrorSpaceOptions
  /** Fetches get room in the order in which they came. */
  readonly #order = new Semaphore(1)
  /** Bytes for which fetches wait. */
  #wanted = 0
  #freeing: Promise<number | undefined> | undefined
  #freed = Promise.withResolvers<number>()
  /** The least used of it, as they were found last. */
  #unused: Unused[] = []
  #restsUntilMs = 0
  #nextAgedAtMs = 0
  #isOver = false

  constructor(options: MirrorSpaceOptions) {
    this.#options = options
  }

  /**
   * Before so many bytes of a blob come: waits until there is room for them. No pull is refused for want of it: where nothing can go, or nothing has for
   * a long time, the mirror holds more than its size.
   */
  async admit(fetch: FetchName, bytes: number): Promise<void> {
    const { limits, signal } = this.#options
    if (limits.sizeBytes === undefined || bytes === 0) return
    const untilMs = performance.now() + (this.#options.patienceMs ?? PATIENCE_MS)
    this.#wanted += bytes
    try {
      await this.#order.run(async () => {
        for (;;) {
          const { isDone, reserved } = await this.#reserve(fetch, bytes)
          if (isDone) return
          // As soon as something has gone there may be room.
          const freed = await Promise.race([this.#freed.promise, this.#free()])
          const isHopeless = freed === undefined || (freed === 0 && reserved === 0)
          if (isHopeless || performance.now() >= untilMs) return await this.#reserveNonetheless(fetch, bytes)
          if (freed === 0) await pause(LOOK_AGAIN_MS, undefined, { signal })
        }
      })
    } finally {
      this.#wanted -= bytes
    }
  }

  /** Takes out what is too much, and what has not been used for too long. Called about once in a second, in one process of the storage. */
  async tend(): Promise<void> {
    await untilAborted(this.#options.signal, () => this.#tend())
  }

  async #tend(): Promise<void> {
    const { metadata, limits } = this.#options
    const { sizeBytes, unusedMs } = limits
    if (sizeBytes !== undefined && (await this.#held(metadata.read)) > HIGH * sizeBytes) await this.#free()
    if (unusedMs === undefined || performance.now() < this.#nextAgedAtMs || !(await this.#mayTake())) return
    await this.#takeAged(unusedMs)
    this.#nextAgedAtMs = performance.now() + Math.min(Math.max(unusedMs / 20, SECOND_MS), HOUR_MS)
  }

  /** Where there is no room, `reserved` bytes are on their way and may go when they are here. */
  async #reserve(fetch: FetchName, bytes: number): Promise<{ readonly isDone: boolean; readonly reserved: number }> {
    const { metadata, limits, processId } = this.#options
    try {
      return await metadata.write(async (query) => {
        const reserved = await sumReserved(query, this.#options)
        const isDone = (await this.#used(query)) + reserved + bytes <= (limits.sizeBytes ?? 0)
        if (isDone) await reserve(query, { ...fetch, process: processId }, bytes)
        return { isDone, reserved }
      })
    } catch (error) {
      // Then nothing of it stays.
      if (error instanceof MetadataNotWritableError) return { isDone: true, reserved: 0 }
      throw error
    }
  }

  async #reserveNonetheless(fetch: FetchName, bytes: number): Promise<void> {
    const { metadata, processId, mirror, limits, log } = this.#options
    await metadata.write((query) => reserve(query, { ...fetch, process: processId }, bytes))
    if (this.#isOver) return
    this.#isOver = true
    log.warn('a mirror holds more than its size, nothing more of it can go', { mirror, size: limits.sizeBytes, ...fetch, bytes })
  }

  /** What is here, and what is on its way. */
  async #held(query: Query): Promise<number> {
    return (await this.#used(query)) + (await sumReserved(query, this.#options))
  }

  async #used(query: Query): Promise<number> {
    return await usedBy(query, this.#options.countedAs)
  }

  async #reserved(): Promise<number> {
    return await sumReserved(this.#options.metadata.read, this.#options)
  }

  readonly #onFreed = (bytes: number) => {
    const { resolve } = this.#freed
    this.#freed = Promise.withResolvers()
    resolve(bytes)
  }

  /** Whatever number of fetches ask for it, once at a time. Gives the bytes that it freed; undefined: nothing may go now. */
  async #free(): Promise<number | undefined> {
    this.#freeing ??= this.#tryToFree().finally(() => {
      this.#freeing = undefined
    })
    return await this.#freeing
  }

  /** No pull fails because something else could not go. */
  async #tryToFree(): Promise<number | undefined> {
    const { mirror, signal, log } = this.#options
    try {
      if (performance.now() < this.#restsUntilMs) return 0
      return (await this.#mayTake()) ? await this.#freeDown() : undefined
    } catch (error) {
      if (signal.aborted) throw error
      log.warn('a mirror could not let go of what was used least', { mirror, error })
      return undefined
    }
  }

  async #freeDown(): Promise<number> {
    const { metadata, limits, pulls, leastUsed, eviction, signal } = this.#options
    await pulls.write()
    const before = await this.#used(metadata.read)
    const goal = before + (await this.#reserved()) + this.#wanted - LOW * (limits.sizeBytes ?? 0)
    const evicted = { images: 0, bytes: 0 }
    for (let hasLooked = false; ; ) {
      const missing = goal - (before - (await this.#used(metadata.read)))
      if (missing <= 0) break
      if (this.#unused.length === 0) {
        if (hasLooked) break
        this.#unused = [...(await leastUsed.find(signal))]
        hasLooked = true
      }
      add(evicted, await eviction.take(this.#unused, missing, { signal, onFreed: this.#onFreed }))
    }
    const freed = before - (await this.#used(metadata.read))
    if (evicted.bytes === 0 && freed <= 0) this.#restsUntilMs = performance.now() + REST_MS
    else this.#isOver = false
    this.#tell(evicted, 'size')
    return Math.max(freed, evicted.bytes)
  }

  async #takeAged(unusedMs: number): Promise<void> {
    const { metadata, clock, pulls, leastUsed, eviction, signal } = this.#options
    await pulls.write()
    const usedBefore = (await readClockMs(metadata.read)) - unusedMs - clock.marginMs
    for (;;) {
      const aged = [...(await leastUsed.find(signal, usedBefore))]
      const evicted = await eviction.take(aged, Number.POSITIVE_INFINITY, { signal, onFreed: this.#onFreed })
      this.#tell(evicted, 'age')
      // What is left of them stays: an operator keeps it, or it is used again.
      if (evicted.images + evicted.bytes === 0) return
    }
  }

  /** Content that is not known yet may need the same bytes. */
  async #mayTake(): Promise<boolean> {
    const { whether } = this.#options
    return (await whether.waits(0)) === undefined && !(await whether.hasObstacle())
  }

  #tell({ images, bytes }: Evicted, because: 'size' | 'age'): void {
    const { mirror, events, log } = this.#options
    if (images + bytes === 0) return
    events.evicted(images, bytes)
    log.info('a mirror let go of what was used least', { mirror, images, bytes, because })
  }
}

function add(sum: { images: number; bytes: number }, { images, bytes }: Evicted): void {
  sum.images += images
  sum.bytes += bytes
}
