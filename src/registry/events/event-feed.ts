import { lastEventNumber, listEventsAfter, removedEvents, type StoredEvent } from '../../metadata/events/events.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import { pause } from '../../runtime/pause.ts'

const LOOK_EVERY_MS = 100
const EVENTS_AT_ONCE = 100
/** A listener that is no further behind than this asks the metadata nothing. Each takes about a kilobyte. */
const MOST_RECENT = 500

export interface EventFeedOptions {
  readonly metadata: Metadata
  readonly log: Log
}

/** What comes after a number. */
export interface Following {
  readonly events: readonly StoredEvent[]
  /** There is nothing else up to this one. */
  readonly upTo: number
  /** Some up to this one may have been removed before this look. */
  readonly removedUpTo: number
}

/**
 * Reads new events once for all that listen in this process, whoever confirmed them: it looks for commits ten times a second, which costs a read
 * of 96 bytes, and asks the metadata only after one. It rests while there are no listeners.
 */
export class EventFeed {
  readonly #options: EventFeedOptions
  /** The newest ones: all after `#since`, up to `#upTo`. */
  #recent: StoredEvent[] = []
  /** Undefined before its first look. */
  #since: number | undefined
  #upTo = 0
  readonly #waiting = new Set<() => void>()
  #listeners = 0
  #following: Promise<void> | undefined
  #ending = new AbortController()
  #isBroken = false

  constructor(options: EventFeedOptions) {
    this.#options = options
  }

  /** The number of the last event. From now on the feed follows, until as many have left as have joined. */
  async join(): Promise<number> {
    this.#listeners += 1
    if (this.#listeners === 1) {
      this.#ending = new AbortController()
      const { signal } = this.#ending
      // The one before may still be on its way to its end.
      this.#following = (this.#following ?? Promise.resolve()).then(() => this.#follow(signal))
    }
    return await lastEventNumber(this.#options.metadata.read)
  }

  /** Resolves when nothing runs any more, where that was the last listener. */
  async leave(): Promise<void> {
    this.#listeners -= 1
    if (this.#listeners > 0) return
    this.#ending.abort()
    await this.#following
  }

  /** What comes after this number, as far as it is at hand: some of it where that is much. `withPulls`: whether those that are missing matter. */
  async after(number: number, { withPulls }: { readonly withPulls: boolean }): Promise<Following> {
    if (this.#isAtHand(number)) {
      const first = this.#recent.findLastIndex((event) => event.number <= number) + 1
      const events = this.#recent.slice(first, first + EVENTS_AT_ONCE)
      const isAll = first + events.length === this.#recent.length
      return { events, upTo: isAll ? Math.max(number, this.#upTo) : (events.at(-1)?.number ?? number), removedUpTo: 0 }
    }
    const { read } = this.#options.metadata
    const last = await lastEventNumber(read)
    const events = await listEventsAfter(read, number, EVENTS_AT_ONCE)
    const removedUpTo = await this.removedUpTo(number, { withPulls })
    // None is left of those that there were before this look.
    return { events, upTo: events.at(-1)?.number ?? Math.max(number, last), removedUpTo }
  }

  /** The last event that cannot be told to a listener at this number; 0: there is none. */
  async removedUpTo(number: number, { withPulls }: { readonly withPulls: boolean }): Promise<number> {
    if (this.#isAtHand(number)) return 0
    const { pull, other } = await removedEvents(this.#options.metadata.read)
    return withPulls ? Math.max(pull, other) : other
  }

  /** All that comes after it is among the newest ones. */
  #isAtHand(number: number): boolean {
    return this.#since !== undefined && number >= this.#since
  }

  /** Until there may be more than up to this number, or for so long. Throws the reason of the signal. */
  async untilMore(number: number, atMostMs: number, signal: AbortSignal): Promise<void> {
    if (this.#upTo > number) return
    signal.throwIfAborted()
    const { promise, resolve } = Promise.withResolvers<void>()
    const resume = () => resolve()
    signal.addEventListener('abort', resume, { once: true })
    const timer = setTimeout(resume, atMostMs)
    this.#waiting.add(resume)
    await promise
    clearTimeout(timer)
    signal.removeEventListener('abort', resume)
    this.#waiting.delete(resume)
    signal.throwIfAborted()
  }

  async #follow(signal: AbortSignal): Promise<void> {
    this.#recent = []
    this.#since = undefined
    let seen: number | undefined
    while (!signal.aborted) {
      seen = await this.#look(seen)
      await pause(LOOK_EVERY_MS, signal).catch(() => undefined)
    }
  }

  /** Gives the revision up to which all was read; undefined where the metadata did not answer, which the log tells once. */
  async #look(seen: number | undefined): Promise<number | undefined> {
    const { metadata, log } = this.#options
    try {
      const revision = await metadata.revision()
      if (revision !== seen) await this.#read()
      if (this.#isBroken) log.info('listeners hear of events again')
      this.#isBroken = false
      return revision
    } catch (error) {
      if (!this.#isBroken) log.warn('listeners hear of no events: the metadata does not answer', { error })
      this.#isBroken = true
      return undefined
    }
  }

  async #read(): Promise<void> {
    const { read } = this.#options.metadata
    if (this.#since === undefined) {
      this.#upTo = await lastEventNumber(read)
      this.#since = this.#upTo
      this.#wake()
    }
    for (;;) {
      const events = await listEventsAfter(read, this.#upTo, EVENTS_AT_ONCE)
      const [first, last] = [events[0], events.at(-1)]
      if (first === undefined || last === undefined) return
      // Some were removed before they were read: a listener that has not come so far looks for itself, and learns of it.
      if (first.number !== this.#upTo + 1) this.#forgetUpTo(first.number - 1)
      this.#recent.push(...events)
      this.#upTo = last.number
      const tooMany = this.#recent.length - MOST_RECENT
      if (tooMany > 0) this.#forgetUpTo(this.#recent[tooMany - 1]?.number ?? 0)
      this.#wake()
    }
  }

  #forgetUpTo(number: number): void {
    this.#recent = this.#recent.filter((event) => event.number > number)
    this.#since = number
  }

  #wake(): void {
    for (const resume of this.#waiting) resume()
  }
}
