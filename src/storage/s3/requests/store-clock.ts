/** Stores refuse what is a quarter of an hour off; of clocks that differ less, the difference is the way of an answer. */
const SKEW_MS = 60_000
/** The time of a signature that expires is the store's own, which its answers tell to a second. */
const NOTED_SKEW_MS = 5_000

interface StoreTime {
  readonly storeMs: number
  readonly wallMs: number
  readonly atMs: number
}

/** What time the store has, as its answers tell. */
export class StoreClock {
  /** How far the store's clock is ahead of ours, once it has refused a request for that. */
  #aheadMs = 0
  #last: StoreTime | undefined

  /** The `Date` of an answer. */
  note(date: string | null): void {
    const storeMs = Date.parse(date ?? '')
    if (!Number.isNaN(storeMs)) this.#last = { storeMs, wallMs: Date.now(), atMs: performance.now() }
  }

  /** What time the store has, as far as its last answer tells. */
  nowMs(): number | undefined {
    return this.#last && this.#last.storeMs + Date.now() - this.#last.wallMs
  }

  /** The time of a signature: our own, unless the store has refused that. */
  signingMs(): number {
    return Date.now() + this.#aheadMs
  }

  /**
   * The time of a signature that expires: never later than the store's own, or it would be good for longer. The wall clock may have been set, the
   * other one stands still while the machine sleeps; by the one that went less it expires too early at worst, and is signed anew.
   */
  expiringMs(): number {
    if (this.#last === undefined) return this.signingMs()
    const { storeMs, wallMs, atMs } = this.#last
    return storeMs + Math.min(Date.now() - wallMs, performance.now() - atMs)
  }

  get aheadMs(): number {
    return this.#aheadMs
  }

  /**
   * For an attempt that the store refused for its time: from now on requests carry the store's. True when that is another one than the attempt's.
   * Our own clock may be set right later, and other attempts may have been under way with the old time.
   */
  correct(aheadMs: number): boolean {
    if (this.#last === undefined) return false
    this.#aheadMs = this.#last.storeMs - this.#last.wallMs
    return Math.abs(this.#aheadMs - aheadMs) > SKEW_MS
  }

  /** Whether what was signed to expire a while ago would be signed with another time now: it has waited, a clock was set, or the machine slept. */
  hasMovedSince(signedMs: number): boolean {
    return Math.abs(this.expiringMs() - signedMs) > NOTED_SKEW_MS
  }
}
