import type { Exchange, RequestObserver } from './exchange.ts'

/** Work in the background gives way above this. */
const SLOW_MS = 50
const SPAN_MS = 10_000
/** In one or two spans: probes and an agent that asks now and then are fewer. */
const SERVES_ABOVE = 50

interface Span {
  readonly beganAtMs: number
  requests: number
  slow: number
  served: number
}

/** How this process served in the last 10 to 20 seconds: whether more than one manifest GET in a hundred took long, and whether there were many requests. */
export class ManifestDelay implements RequestObserver {
  readonly #nowMs: () => number
  #last: Span | undefined
  #present: Span

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
    this.#present = { beganAtMs: nowMs(), requests: 0, slow: 0, served: 0 }
  }

  ended({ handler, request, durationMs }: Exchange): void {
    this.#turn()
    this.#present.served += 1
    if (handler !== 'manifest' || request.method !== 'GET') return
    this.#present.requests += 1
    if (durationMs > SLOW_MS) this.#present.slow += 1
  }

  /** Their p99 is above 50 ms. */
  get isLong(): boolean {
    return this.#sum(({ slow }) => slow) * 100 > this.#sum(({ requests }) => requests)
  }

  /** Clients are at work here. */
  get isServing(): boolean {
    return this.#sum(({ served }) => served) > SERVES_ABOVE
  }

  #sum(of: (span: Span) => number): number {
    this.#turn()
    return of(this.#present) + (this.#last === undefined ? 0 : of(this.#last))
  }

  #turn(): void {
    const now = this.#nowMs()
    const passedMs = now - this.#present.beganAtMs
    if (passedMs < SPAN_MS) return
    this.#last = passedMs < 2 * SPAN_MS ? this.#present : undefined
    this.#present = { beganAtMs: now, requests: 0, slow: 0, served: 0 }
  }
}
