import { insertEvents, type NewEvent } from '../../metadata/events/events.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Actor } from '../../observe/actor.ts'
import type { Log } from '../../observe/log.ts'
import { type ContentEvent, newEvent } from './content-event.ts'

/** So many rows hold up no other write for long. */
const ROWS_AT_ONCE = 500
/** Of a second at full speed. */
const MOST_WAITING = 10_000

export interface PullEventsOptions {
  readonly metadata: Metadata
  readonly processId: string
  readonly log: Log
  readonly waitingAtMost?: number
}

/** What clients pull, gathered in memory and written now and then: no pull waits for it. What was not written yet is lost with the process. */
export class PullEvents {
  readonly #options: PullEventsOptions
  readonly #waitingAtMost: number
  #waiting: NewEvent[] = []
  #dropped = 0
  #isHeldUp = false

  constructor(options: PullEventsOptions) {
    this.#options = options
    this.#waitingAtMost = options.waitingAtMost ?? MOST_WAITING
  }

  note(event: ContentEvent, actor: Actor): void {
    if (this.#waiting.length < this.#waitingAtMost) this.#waiting.push(newEvent(event, actor, this.#options.processId))
    else this.#dropped += 1
  }

  /** Where the metadata takes nothing, what was gathered waits still, and the log tells that once. Not called twice at a time. */
  async write(): Promise<void> {
    const { log } = this.#options
    try {
      await this.#writeAll()
      if (this.#isHeldUp) log.info('pulls are written down again')
      this.#isHeldUp = false
    } catch (error) {
      if (!this.#isHeldUp) log.warn('pulls cannot be written down, they wait', { error })
      this.#isHeldUp = true
    }
    this.#tellOfDropped()
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const rows = this.#waiting.slice(0, ROWS_AT_ONCE)
      await this.#options.metadata.write((query) => insertEvents(query, rows))
      this.#waiting.splice(0, rows.length)
    }
  }

  #tellOfDropped(): void {
    if (this.#dropped === 0 || this.#isHeldUp) return
    this.#options.log.warn('more pulls than can be written have no event', { pulls: this.#dropped })
    this.#dropped = 0
  }
}
