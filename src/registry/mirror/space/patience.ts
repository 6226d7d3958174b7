/** So many times as long in all, however much goes: fetches of other processes may take what goes. */
const MOST_TIMES = 10

/** How long a fetch waits for its room. */
export class Patience {
  readonly #ms: number
  readonly #now: () => number
  readonly #endsMs: number
  #untilMs: number

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(ms: number, now = () => performance.now()) {
    this.#ms = ms
    this.#now = now
    this.#untilMs = now() + ms
    this.#endsMs = now() + MOST_TIMES * ms
  }

  get isOver(): boolean {
    return this.#now() >= this.#untilMs
  }

  /** Something has gone, so that there is more to be hoped for: it waits as long again. */
  renew(): void {
    this.#untilMs = Math.min(this.#now() + this.#ms, this.#endsMs)
  }
}
