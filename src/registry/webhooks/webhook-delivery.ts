import { findEvent, lastEventNumber, listEventsAfter, type StoredEvent } from '../../metadata/events/events.ts'
import type { Metadata } from '../../metadata/query.ts'
import { type Delivery, forgetDeliveries, nextWaiting, putDeliveries } from '../../metadata/webhooks/deliveries.ts'
import { moveWebhook, type WebhookRow } from '../../metadata/webhooks/webhooks.ts'
import type { Log } from '../../observe/log.ts'
import { pause } from '../../runtime/pause.ts'
import { isWanted } from '../events/event-filter.ts'
import { kindOf } from '../events/event-kinds.ts'
import { filterOf, type Webhook } from './webhook.ts'
import { awayFor, pauseBefore, type WebhookPatience } from './webhook-retries.ts'
import { aboutOf, type WebhookSender } from './webhook-sender.ts'

const EVENTS_AT_ONCE = 100
/** So much of what was delivered may be repeated when the process is killed. */
const SAVE_EVERY_MS = 250
const LOOK_EVERY_MS = 200
/** What `berth webhook deliveries` shows of what went well, and at most of what was set aside. */
const DONE_KEPT = 100
const ASIDE_KEPT = 1_000

export interface WebhookDeliveryOptions {
  readonly webhook: Webhook
  readonly row: WebhookRow
  readonly metadata: Metadata
  readonly sender: WebhookSender
  readonly patience: WebhookPatience
  readonly log: Log
}

type Position = { -readonly [Field in 'number' | 'lost' | 'failingMs' | 'failure']: WebhookRow[Field] }

/**
 * Sends events to one webhook in their order. One that it does not take waits for its next try beside the others, and is set aside after the last. When
 * it takes several in a row not, the others wait where they are.
 */
export class WebhookDelivery {
  readonly #options: WebhookDeliveryOptions
  readonly #position: Position
  #done: Delivery[] = []
  #failuresInARow = 0
  #awayUntil = 0
  #saved: string
  #savedAt = 0

  constructor(options: WebhookDeliveryOptions) {
    this.#options = options
    const { number, lost, failingMs, failure } = options.row
    this.#position = { number, lost, failingMs, failure }
    this.#saved = JSON.stringify(this.#position)
  }

  /** Until the signal aborts: then it throws its reason. Throws what the metadata reports. */
  async run(signal: AbortSignal): Promise<void> {
    const { metadata, webhook } = this.#options
    try {
      for (;;) {
        const revision = await metadata.revision()
        const waiting = await nextWaiting(metadata.read, webhook.name)
        if (waiting !== undefined && (waiting.nextMs ?? 0) <= Date.now()) await this.#tryAgain(waiting, signal)
        else if (performance.now() < this.#awayUntil || !(await this.#sendNext(signal)))
          await this.#untilDue(revision, waiting?.nextMs ?? undefined, signal)
      }
    } finally {
      await this.#save([])
    }
  }

  /** False: there are none. */
  async #sendNext(signal: AbortSignal): Promise<boolean> {
    const { metadata, webhook } = this.#options
    const position = this.#position
    const last = await lastEventNumber(metadata.read)
    const events = await listEventsAfter(metadata.read, position.number, EVENTS_AT_ONCE)
    const filter = filterOf(webhook)
    for (const event of events) {
      signal.throwIfAborted()
      if (performance.now() < this.#awayUntil) return true
      position.lost += event.number - position.number - 1
      if (isWanted(event, filter)) await this.#try(event, 0, signal)
      position.number = event.number
      if (performance.now() - this.#savedAt > SAVE_EVERY_MS) await this.#save([])
    }
    if (events.length > 0) return true
    position.lost += Math.max(0, last - position.number)
    position.number = Math.max(last, position.number)
    await this.#save([])
    return false
  }

  async #tryAgain(waiting: Delivery, signal: AbortSignal): Promise<void> {
    const event = await findEvent(this.#options.metadata.read, waiting.number)
    if (event === undefined)
      await this.#save([{ ...waiting, state: 'aside', nextMs: null, answer: 'the event is not kept any more' }])
    else await this.#try(event, waiting.attempts, signal)
  }

  /** What comes of it is written down. Throws only what the metadata reports, and the reason of the signal. */
  async #try(event: StoredEvent, attemptsBefore: number, signal: AbortSignal): Promise<void> {
    const { webhook, sender, patience } = this.#options
    const { answer, isTaken, waitMs } = await sender.send(webhook, event, signal)
    const attempts = attemptsBefore + 1
    const tried = {
      ...{ webhook: webhook.name, number: event.number, event: event.id, kind: kindOf(event), about: aboutOf(event) },
      ...{ attempts, triedMs: Date.now(), answer },
    }
    if (isTaken) {
      this.#done.push({ ...tried, state: 'done', nextMs: null })
      this.#succeeded()
      if (attemptsBefore > 0) await this.#save([])
      return
    }
    const pauseMs = pauseBefore(patience, attempts, waitMs)
    this.#failed(answer)
    const state = pauseMs === undefined ? 'aside' : 'waiting'
    if (attemptsBefore === 0) this.#position.number = event.number
    await this.#save([{ ...tried, state, nextMs: pauseMs === undefined ? null : Date.now() + pauseMs }])
  }

  #failed(answer: string): void {
    const { webhook, patience, log } = this.#options
    this.#failuresInARow += 1
    this.#awayUntil = performance.now() + awayFor(patience, this.#failuresInARow)
    if (this.#position.failingMs === null)
      log.warn('a webhook does not take an event, it is tried again', { webhook: webhook.name, failure: answer })
    this.#position.failingMs ??= Date.now()
    this.#position.failure = answer
  }

  #succeeded(): void {
    const { webhook, log } = this.#options
    this.#failuresInARow = 0
    this.#awayUntil = 0
    if (this.#position.failingMs === null) return
    this.#position.failingMs = null
    this.#position.failure = null
    log.info('a webhook takes events again', { webhook: webhook.name })
  }

  async #save(changed: readonly Delivery[]): Promise<void> {
    const { metadata, row } = this.#options
    const position = JSON.stringify(this.#position)
    this.#savedAt = performance.now()
    if (changed.length === 0 && this.#done.length === 0 && position === this.#saved) return
    const done = this.#done.slice(-DONE_KEPT)
    await metadata.write(async (query) => {
      await moveWebhook(query, { ...row, ...this.#position })
      await putDeliveries(query, [...done, ...changed])
      if (done.length > 0) await forgetDeliveries(query, row.name, 'done', DONE_KEPT)
      if (changed.some(({ state }) => state === 'aside')) await forgetDeliveries(query, row.name, 'aside', ASIDE_KEPT)
    })
    this.#done = []
    this.#saved = position
  }

  /** Until something was committed, or it is time for what waits. */
  async #untilDue(revision: number, nextMs: number | undefined, signal: AbortSignal): Promise<void> {
    const { metadata } = this.#options
    const wasAway = performance.now() < this.#awayUntil
    do await pause(LOOK_EVERY_MS, signal)
    while (
      (nextMs === undefined || Date.now() < nextMs) &&
      (wasAway ? performance.now() < this.#awayUntil : (await metadata.revision()) === revision)
    )
  }
}
