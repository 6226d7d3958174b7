import type { Exchange, RequestObserver } from './exchange.ts'

/** Work in the background gives way above this. */
const SLOW_MS = 50
const SPAN_MS = 10_000

interface Span {
  readonly beganAtMs: number
  requests: number
  slow: number
}

/** Whether of the last manifest GETs of this process, those of 10 to 20 seconds, more than one in a hundred took long. */
export class ManifestDelay implements RequestObserver {
  readonly #nowMs: () => number
  #last: Span | undefined
  #present: Span

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
    this.#present = { beganAtMs: nowMs(), requests: 0, slow: 0 }
  }

  ended({ handler, request, durationMs }: Exchange): void {
    if (handler !== 'manifest' || request.method !== 'GET') return
    this.#turn()
    this.#present.requests += 1
    if (durationMs > SLOW_MS) this.#present.slow += 1
  }

  /** Their p99 is above 50 ms. */
  get isLong(): boolean {
    this.#turn()
    const spans = this.#last === undefined ? [this.#present] : [this.#last, this.#present]
    const sum = (of: (span: Span) => number) => spans.reduce((total, span) => total + of(span), 0)
    return sum(({ slow }) => slow) * 100 > sum(({ requests }) => requests)
  }

  #turn(): void {
    const now = this.#nowMs()
    const passedMs = now - this.#present.beganAtMs
    if (passedMs < SPAN_MS) return
    this.#last = passedMs < 2 * SPAN_MS ? this.#present : undefined
    this.#present = { beganAtMs: now, requests: 0, slow: 0 }
  }
}
