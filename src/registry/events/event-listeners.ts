import { eventKey, type StoredEvent } from '../../metadata/events/events.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import { unavailable } from '../../oci/errors.ts'
import { EventFeed } from './event-feed.ts'
import { EventPositions } from './event-positions.ts'

export interface EventListenersOptions {
  readonly metadata: Metadata
  readonly log: Log
  readonly listenersAtMost: number
}

/** An event, as a listener hears of it. */
export type HeardEvent = StoredEvent

/** What a listener hears next. */
export type Heard =
  | { readonly kind: 'events'; readonly events: readonly StoredEvent[] }
  /** Events were removed before it heard them. */
  | { readonly kind: 'missed' }
  | { readonly kind: 'nothing' }

/** Why a listener does not hear all that came after its position: some was removed, or it is no position of this database, and all that it hears begins now. */
export type Gap = 'removed' | 'unknown'

/** The requests that listen to what happens, in this process. */
export class EventListeners {
  readonly #options: EventListenersOptions
  readonly #feed: EventFeed
  readonly #closing = new AbortController()
  #positions: EventPositions | undefined
  #listening = 0

  constructor(options: EventListenersOptions) {
    this.#options = options
    this.#feed = new EventFeed(options)
  }

  /** How many there are. */
  get size(): number {
    return this.#listening
  }

  /** `position`: as the listener was told it last. Throws UNAVAILABLE where there are too many already, and at a stop. */
  async open(position: string | undefined, { withPulls }: { readonly withPulls: boolean }): Promise<EventListener> {
    const { metadata, listenersAtMost } = this.#options
    if (this.#closing.signal.aborted) throw unavailable('The registry stops; connect again.')
    if (this.#listening >= listenersAtMost)
      throw unavailable(
        `${listenersAtMost} clients listen to events already; try again later, or ask the operator for a larger events.listeners.`,
        { retryAfterSeconds: 30 },
      )
    this.#listening += 1
    let isOpen = true
    const close = () => {
      if (!isOpen) return
      isOpen = false
      this.#listening -= 1
      void this.#feed.leave()
    }
    try {
      const last = await this.#feed.join()
      this.#positions ??= new EventPositions(await eventKey(metadata.read))
      const parts = { feed: this.#feed, positions: this.#positions, withPulls, close, closing: this.#closing.signal }
      if (position === undefined) return new EventListener({ ...parts, start: last, gap: undefined, removedUpTo: 0 })
      const known = this.#positions.numberOf(position) ?? Number.POSITIVE_INFINITY
      if (known > last) return new EventListener({ ...parts, start: last, gap: 'unknown', removedUpTo: 0 })
      const removedUpTo = await this.#feed.removedUpTo(known, { withPulls })
      return new EventListener({ ...parts, start: known, gap: removedUpTo > known ? 'removed' : undefined, removedUpTo })
    } catch (error) {
      close()
      throw error
    }
  }

  /** Every stream ends, and none begins any more. */
  close(): void {
    this.#closing.abort()
  }
}

interface EventListenerParts {
  readonly feed: EventFeed
  readonly positions: EventPositions
  readonly withPulls: boolean
  readonly start: number
  /** Undefined: it hears all from its start on. */
  readonly gap: Gap | undefined
  /** What was removed up to here is no news to it. */
  readonly removedUpTo: number
  readonly close: () => void
  /** Aborts at a stop. */
  readonly closing: AbortSignal
}

/** One of them. It holds a number: what it has not asked for yet waits in the feed, or in the metadata. */
export class EventListener {
  readonly gap: Gap | undefined
  /** Aborts at a stop of the registry. */
  readonly closing: AbortSignal
  readonly #parts: EventListenerParts
  #number: number
  #removedUpTo: number

  constructor(parts: EventListenerParts) {
    this.#parts = parts
    this.#number = parts.start
    this.#removedUpTo = parts.removedUpTo
    this.gap = parts.gap
    this.closing = parts.closing
  }

  /** Where it is, for a stream that goes on from there. `number`: of an event that it has heard; left out, of all. */
  position(number = this.#number): string {
    return this.#parts.positions.textOf(number)
  }

  /** Nothing, when nothing has happened for so long. Throws the reason of the signal, and what the metadata reports. */
  async next(atMostMs: number, signal: AbortSignal): Promise<Heard> {
    const { feed, withPulls } = this.#parts
    for (const isLast of [false, true]) {
      const { events, upTo, removedUpTo } = await feed.after(this.#number, { withPulls })
      if (removedUpTo > Math.max(this.#number, this.#removedUpTo)) {
        this.#removedUpTo = removedUpTo
        return { kind: 'missed' }
      }
      this.#number = upTo
      if (events.length > 0) return { kind: 'events', events }
      if (!isLast) await feed.untilMore(this.#number, atMostMs, signal)
    }
    return { kind: 'nothing' }
  }

  /** May be repeated. */
  close(): void {
    this.#parts.close()
  }
}
