import { type EventCursor, listCursors, moveCursor } from '../../metadata/events/cursors.ts'
import { keptEvents, lastEventNumber, listEventsAfter, type StoredEvent } from '../../metadata/events/events.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import type { EndpointCounts } from '../../observe/metrics/notification-metrics.ts'
import { pause } from '../../runtime/pause.ts'
import { statusText } from '../events/answer-text.ts'
import { isIgnored } from './envelope.ts'
import { FEW_WAITING, inEnvelopes } from './envelopes.ts'
import { postEnvelope } from './post.ts'
import type { EndpointSettings } from './settings.ts'

/** What is read at once: each event is about a kilobyte. */
const EVENTS_AT_ONCE = 100
/** So much of what was delivered may be repeated when the process is killed. */
const SAVE_EVERY_MS = 250
const LOOK_EVERY_MS = 200
const LONGEST_PAUSE_MS = 60_000

/** The body of a notification. */
export type BodyOf = (events: readonly StoredEvent[]) => Promise<string>

export interface EndpointDeliveryOptions {
  readonly endpoint: EndpointSettings
  readonly metadata: Metadata
  readonly bodyOf: BodyOf
  readonly log: Log
}

type Cursor = { -readonly [Field in keyof EventCursor]: EventCursor[Field] }

/** Tells one endpoint of every event, in their order. Those that it does not take are tried until it does, or until they are not kept any more. */
export class EndpointDelivery {
  readonly #options: EndpointDeliveryOptions
  readonly #counts: { -readonly [Field in keyof EndpointCounts]: EndpointCounts[Field] }
  readonly #statuses = new Map<string, number>()
  /** The last event that this process has told. */
  #reached = 0
  #failuresInARow = 0
  #failingSinceMs: number | null = null
  #savedAt = 0

  constructor(options: EndpointDeliveryOptions) {
    this.#options = options
    const { name: endpoint } = options.endpoint
    this.#counts = { endpoint, events: 0, successes: 0, failures: 0, errors: 0, statuses: this.#statuses }
  }

  get counts(): EndpointCounts {
    return this.#counts
  }

  /** Until the signal aborts: then it throws its reason. Throws what the metadata reports. */
  async run(signal: AbortSignal): Promise<void> {
    const { metadata, endpoint } = this.#options
    const found = (await listCursors(metadata.read)).find((cursor) => cursor.endpoint === endpoint.name)
    if (found === undefined) throw new Error(`the metadata has no cursor of the endpoint ${endpoint.name}`)
    // What could not be saved, because the disk takes nothing, is not sent again for that.
    const cursor = { ...found, number: Math.max(found.number, this.#reached) }
    this.#failingSinceMs = cursor.failingMs
    let saved = found.number
    const save = async () => {
      if (cursor.number === saved) return
      await this.#save(cursor)
      saved = cursor.number
    }
    let areMore = false
    try {
      for (;;) {
        const revision = await metadata.revision()
        const last = await lastEventNumber(metadata.read)
        const events = await listEventsAfter(metadata.read, cursor.number, EVENTS_AT_ONCE)
        const isBehind = areMore || events.length > FEW_WAITING
        for (const together of inEnvelopes(events, isBehind)) {
          await this.#tell(together, cursor, signal)
          if (performance.now() - this.#savedAt > SAVE_EVERY_MS) await save()
        }
        areMore = events.length === EVENTS_AT_ONCE
        if (isBehind && !areMore) {
          // So that what comes meanwhile may come together as well.
          await save()
          await pause(LOOK_EVERY_MS, signal)
        }
        if (events.length > 0) continue
        // None is left of those that there were before this look.
        cursor.lost += Math.max(0, last - cursor.number)
        cursor.number = Math.max(last, cursor.number)
        await save()
        await this.#untilChanged(revision, signal)
      }
    } finally {
      await save()
    }
  }

  async #untilChanged(revision: number, signal: AbortSignal): Promise<void> {
    do await pause(LOOK_EVERY_MS, signal)
    while ((await this.#options.metadata.revision()) === revision)
  }

  /** Moves the cursor to the last of them: each was taken, or is none for this endpoint, or has gone meanwhile. */
  async #tell(events: readonly StoredEvent[], cursor: Cursor, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const wanted = events.filter((event) => !isIgnored(event, this.#options.endpoint))
    const isTogether = wanted.length > 1
    if (isTogether && (await this.#try(wanted, signal)) !== undefined) {
      // A body may be too large for the endpoint, or more than it understands: each event is tried by itself.
      for (const event of events) await this.#tell([event], cursor, signal)
      return
    }
    this.#counts.events += wanted.length
    if (isTogether) await this.#succeeded(cursor)
    const gone = isTogether ? 0 : await this.#deliver(wanted, cursor, signal)
    const last = events.at(-1)?.number ?? cursor.number
    cursor.lost += gone + Math.max(0, last - cursor.number - events.length)
    cursor.number = last
    this.#reached = last
  }

  /** Of one event, or none. Gives how many were not kept for as long as the endpoint did not take them. */
  async #deliver(events: readonly StoredEvent[], cursor: Cursor, signal: AbortSignal): Promise<number> {
    let waiting = events
    while (waiting.length > 0) {
      const failure = await this.#try(waiting, signal)
      if (failure === undefined) {
        await this.#succeeded(cursor)
        break
      }
      this.#failuresInARow += 1
      this.#failingSinceMs ??= Date.now()
      const pauseMs = this.#pauseMs()
      if (pauseMs === 0) continue
      await this.#failed(failure, cursor)
      await pause(pauseMs, signal)
      waiting = await keptEvents(this.#options.metadata.read, waiting)
    }
    return events.length - waiting.length
  }

  /** Undefined when the endpoint took them, else why it did not. Counts events, as registry:2 does. */
  async #try(events: readonly StoredEvent[], signal: AbortSignal): Promise<string | undefined> {
    const { endpoint, bodyOf } = this.#options
    let status: number
    try {
      status = await postEnvelope(endpoint, await bodyOf(events), signal)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      this.#counts.errors += events.length
      return error instanceof Error ? error.message : String(error)
    }
    const text = statusText(status)
    this.#statuses.set(text, (this.#statuses.get(text) ?? 0) + events.length)
    // As registry:2: what a redirect leads to is the answer, and any other 3xx is one as well.
    const isTaken = status >= 200 && status < 400
    this.#counts[isTaken ? 'successes' : 'failures'] += events.length
    return isTaken ? undefined : `it answers ${text}`
  }

  /** 0 before the threshold; then `backoff`, twice as long each time, up to a minute. */
  #pauseMs(): number {
    const { threshold, backoffMs } = this.#options.endpoint
    const beyond = this.#failuresInARow - threshold
    if (beyond < 0) return 0
    return Math.min(backoffMs * 2 ** Math.min(beyond, 20), Math.max(backoffMs, LONGEST_PAUSE_MS))
  }

  async #failed(failure: string, cursor: Cursor): Promise<void> {
    const { endpoint, log } = this.#options
    const isNew = cursor.failingMs === null
    cursor.failingMs = this.#failingSinceMs
    cursor.failure = failure
    await this.#save(cursor)
    if (isNew) log.warn('an endpoint does not take events, they wait for it', { endpoint: endpoint.name, failure })
  }

  async #succeeded(cursor: Cursor): Promise<void> {
    this.#failuresInARow = 0
    this.#failingSinceMs = null
    if (cursor.failingMs === null) return
    cursor.failingMs = null
    cursor.failure = null
    await this.#save(cursor)
    this.#options.log.info('an endpoint takes events again', { endpoint: this.#options.endpoint.name })
  }

  async #save(cursor: EventCursor): Promise<void> {
    await this.#options.metadata.write((query) => moveCursor(query, cursor))
    this.#savedAt = performance.now()
  }
}
