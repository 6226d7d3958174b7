import { setTimeout as pause } from 'node:timers/promises'
import { readClockMs } from '../../../metadata/keeping/times.ts'
import { type FetchName, reserve, sumReserved } from '../../../metadata/mirroring/fetches.ts'
import { sumLeaving } from '../../../metadata/mirroring/leaving.ts'
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
import { FOUND_AT_MOST, type LeastUsed, type Unused } from './least-used.ts'
import type { MirrorLimits } from './mirror-limits.ts'
import { Patience } from './patience.ts'

/** From this part of its size on a mirror is made smaller in the background, so that few fetches wait for room. */
const HIGH = 0.95
/** As far down it goes then. */
const LOW = 0.9
/** A fetch waits for room for so long after something has gone: then it is done nonetheless. */
const PATIENCE_MS = 30_000
/** What removes may fail for a moment. */
const FAILURES_IN_A_ROW = 3
const LOOK_AGAIN_MS = 200
/** Where nothing could go, all that a mirror holds is looked at again after so long, or when it holds more. */
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
  /** Of each fetch that wants room. */
  readonly createPatience?: () => Patience
  /** Ends it where it is. */
  readonly signal: AbortSignal
  readonly log: Log
}

/**
 * What came of a try to free room. `nothing`: of the bytes that it held at that time nothing may go. `later`: what could have gone is in use. `forbidden`: it is not known
 * what may go.
 */
type Freed = { readonly kind: 'some' | 'later' | 'forbidden' } | { readonly kind: 'nothing'; readonly used: number }

interface Waiting extends FetchName {
  readonly bytes: number
  readonly patience: Patience
}

/** Keeps a mirror within its size, and what is not used any more out of it. */
export class MirrorSpace {
  readonly #options: MirrorSpaceOptions
  /** Fetches get room in the order in which they came. */
  readonly #order = new Semaphore(1)
  /** Bytes for which fetches wait. */
  #wanted = 0
  #freeing: Promise<Freed> | undefined
  #freed = Promise.withResolvers<Freed>()
  /** Of removals, one after the other. */
  #failures = 0
  /** The least used of it, as they were found last. */
  #unused: Unused[] = []
  /** Of so many bytes nothing could go. */
  #nothing: { readonly used: number; readonly untilMs: number } | undefined
  #nextAgedAtMs = 0
  #isOver = false

  constructor(options: MirrorSpaceOptions) {
    this.#options = options
  }

  /** All that it holds would go for a blob of so many bytes, and that one next. */
  isTooLarge(bytes: number | undefined): boolean {
    const { sizeBytes } = this.#options.limits
    return sizeBytes !== undefined && bytes !== undefined && bytes > sizeBytes
  }

  /**
   * Before so many bytes of a blob come: waits until there is room for them. No pull is refused for want of it: where nothing can go, or nothing has for
   * a long time, the mirror holds more than its size.
   */
  async admit(fetch: FetchName, bytes: number): Promise<void> {
    if (this.#options.limits.sizeBytes === undefined || bytes === 0) return
    const { createPatience = () => new Patience(PATIENCE_MS) } = this.#options
    const waiting: Waiting = { ...fetch, bytes, patience: createPatience() }
    this.#wanted += bytes
    try {
      await this.#order.run(() => this.#waitForRoom(waiting))
    } finally {
      this.#wanted -= bytes
    }
  }

  async #waitForRoom(waiting: Waiting): Promise<void> {
    const { signal } = this.#options
    for (let freed: Freed | undefined; !(await this.#takeRoom(waiting, freed)); ) {
      if (freed !== undefined && freed.kind !== 'some') await pause(LOOK_AGAIN_MS, undefined, { signal })
      // As soon as something has gone there may be room.
      freed = await Promise.race([this.#freed.promise, this.#free()])
      if (freed.kind === 'some') waiting.patience.renew()
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

  /** False: there is no room yet. What makes it hopeless to wait is asked for with it: no fetch of another process ends between the two. */
  async #takeRoom({ bytes, patience, ...fetch }: Waiting, freed: Freed | undefined): Promise<boolean> {
    const { metadata, limits, processId } = this.#options
    try {
      const room = await metadata.write(async (query) => {
        const used = await this.#used(query)
        const passing = await this.#passing(query)
        const fits = used + passing + bytes <= (limits.sizeBytes ?? 0)
        const isTaken = fits || patience.isOver || isHopeless(freed, used, passing)
        if (isTaken) await reserve(query, { ...fetch, process: processId }, bytes)
        return { fits, isTaken }
      })
      if (room.isTaken && !room.fits) this.#tellOver(fetch, bytes)
      return room.isTaken
    } catch (error) {
      // Then nothing of it stays.
      if (error instanceof MetadataNotWritableError) return true
      throw error
    }
  }

  #tellOver(fetch: FetchName, bytes: number): void {
    const { mirror, limits, log } = this.#options
    if (this.#isOver) return
    this.#isOver = true
    log.warn('a mirror holds more than its size, nothing more of it can go', { mirror, size: limits.sizeBytes, ...fetch, bytes })
  }

  /** What is here, and what is on its way. */
  async #held(query: Query): Promise<number> {
    return (await this.#used(query)) + (await this.#reserved(query))
  }

  async #used(query: Query): Promise<number> {
    return await usedBy(query, this.#options.countedAs)
  }

  async #reserved(query: Query): Promise<number> {
    return await sumReserved(query, this.#options)
  }

  /** What is on its way, and what is about to be gone. */
  async #passing(query: Query): Promise<number> {
    return (await this.#reserved(query)) + (await sumLeaving(query, this.#options.countedAs, this.#options.epoch))
  }

  readonly #onFreed = () => {
    const { resolve } = this.#freed
    this.#freed = Promise.withResolvers()
    resolve({ kind: 'some' })
  }

  /** Whatever number of fetches ask for it, once at a time. */
  async #free(): Promise<Freed> {
    this.#freeing ??= this.#tryToFree().finally(() => {
      this.#freeing = undefined
    })
    return await this.#freeing
  }

  /** No pull fails because something else could not go. */
  async #tryToFree(): Promise<Freed> {
    const { mirror, signal, log } = this.#options
    try {
      const freed: Freed = (await this.#mayTake()) ? await this.#freeDown() : { kind: 'forbidden' }
      this.#failures = 0
      return freed
    } catch (error) {
      if (signal.aborted) throw error
      this.#failures += 1
      log.warn('a mirror could not let go of what was used least', { mirror, error })
      return { kind: this.#failures < FAILURES_IN_A_ROW ? 'later' : 'forbidden' }
    }
  }

  async #freeDown(): Promise<Freed> {
    const { metadata, limits, pulls, leastUsed, eviction, signal } = this.#options
    const { read } = metadata
    const before = await this.#used(read)
    if (this.#nothing !== undefined && performance.now() < this.#nothing.untilMs && before <= this.#nothing.used)
      return { kind: 'nothing', used: this.#nothing.used }
    await pulls.write()
    const goal = before + (await this.#reserved(read)) + this.#wanted - LOW * (limits.sizeBytes ?? 0)
    const evicted = { images: 0, bytes: 0, later: 0 }
    let hasLooked = false
    let isLast = false
    while (!isLast || this.#unused.length > 0) {
      const missing = goal - (before - (await this.#used(read)))
      if (missing <= 0) break
      if (this.#unused.length === 0) {
        this.#unused = [...(await leastUsed.find(signal))]
        hasLooked = true
        isLast = this.#unused.length < FOUND_AT_MOST
      }
      const taken = await eviction.take(this.#unused, missing, { signal, onFreed: this.#onFreed })
      add(evicted, taken)
      // Others come next where these stay for a long time, and the same again where they do for a moment.
      if (hasLooked && taken.images + taken.bytes === 0 && taken.later > 0) break
    }
    this.#tell(evicted, 'size')
    const hasFreed = evicted.images + evicted.bytes > 0 || (await this.#used(read)) < before
    if (hasFreed) this.#isOver = false
    if (hasFreed) return { kind: 'some' }
    if (evicted.later > 0 || !hasLooked) return { kind: 'later' }
    this.#nothing = { used: before, untilMs: performance.now() + REST_MS }
    return { kind: 'nothing', used: before }
  }

  async #takeAged(unusedMs: number): Promise<void> {
    const { metadata, clock, pulls, leastUsed, eviction, signal } = this.#options
    await pulls.write()
    const usedBefore = (await readClockMs(metadata.read)) - unusedMs - clock.marginMs
    for (;;) {
      const aged = [...(await leastUsed.find(signal, usedBefore))]
      const isLast = aged.length < FOUND_AT_MOST
      const evicted = await eviction.take(aged, Number.POSITIVE_INFINITY, { signal, onFreed: this.#onFreed })
      this.#tell(evicted, 'age')
      // What is left of them stays: an operator keeps it, or it is used again.
      if (evicted.images + evicted.bytes === 0 && (isLast || evicted.later > 0)) return
    }
  }

  /** Content that is not known yet may need the same bytes. */
  async #mayTake(): Promise<boolean> {
    const { whether } = this.#options
    return (await whether.waits(0)) === undefined && !(await whether.hasObstacle())
  }

  #tell({ images, bytes }: Pick<Evicted, 'images' | 'bytes'>, because: 'size' | 'age'): void {
    const { mirror, events, log } = this.#options
    if (images + bytes === 0) return
    events.evicted(images, bytes)
    log.info('a mirror let go of what was used least', { mirror, images, bytes, because })
  }
}

/** What has come since nothing could go may go, what is on its way will have come, and what leaves will have gone. */
function isHopeless(freed: Freed | undefined, used: number, passing: number): boolean {
  if (freed?.kind === 'nothing') return passing === 0 && used <= freed.used
  return freed?.kind === 'forbidden'
}

function add(sum: { images: number; bytes: number; later: number }, { images, bytes, later }: Evicted): void {
  sum.images += images
  sum.bytes += bytes
  sum.later += later
}
