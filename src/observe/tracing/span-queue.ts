import type { Span } from './span.ts'

export interface SpanQueueOptions {
  /** How long a span waits for others to leave with. */
  readonly delayMs: number
  /** What comes when so many wait is dropped. */
  readonly maxSpans: number
  readonly maxBatch: number
  /** Sends some. 'again' keeps them for the next time, as far as there is room. Never throws. */
  readonly send: (spans: readonly Span[]) => Promise<'done' | 'again'>
}

/** Spans on their way out: never more than fit, never in the way of a request. */
export class SpanQueue {
  readonly #options: SpanQueueOptions
  readonly #timer: NodeJS.Timeout
  #waiting: Span[] = []
  #sending: Promise<void> | undefined
  #dropped = 0

  constructor(options: SpanQueueOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#send(), Math.max(options.delayMs, 1))
  }

  /** How many found no room. */
  get dropped(): number {
    return this.#dropped
  }

  add(span: Span): void {
    if (this.#waiting.length >= this.#options.maxSpans) {
      this.#dropped += 1
      return
    }
    this.#waiting.push(span)
    if (this.#waiting.length >= this.#options.maxBatch) this.#send()
  }

  /** Sends what waits, once; what then is not taken is lost. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#sending
    this.#send()
    await this.#sending
  }

  #send(): void {
    if (this.#sending !== undefined || this.#waiting.length === 0) return
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = undefined
    })
  }

  async #sendAll(): Promise<void> {
    const { maxBatch, maxSpans, send } = this.#options
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, Math.max(maxBatch, 1))
      if ((await send(batch)) === 'done') continue
      const room = Math.max(maxSpans - this.#waiting.length, 0)
      this.#dropped += Math.max(batch.length - room, 0)
      this.#waiting = [...batch.slice(0, room), ...this.#waiting]
      return
    }
  }
}
