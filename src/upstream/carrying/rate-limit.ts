import { pause } from '../../runtime/pause.ts'

/** What may come at once when nothing has come before. */
const BURST_MS = 200

export interface RateLimitOptions {
  readonly bytesPerSecond: number
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>
}

/** So many bytes in a second, for all that share it. */
export class RateLimit {
  readonly #options: Required<RateLimitOptions>
  /** Until when what has passed takes. */
  #busyUntilMs = 0

  constructor({ now = () => performance.now(), wait = pause, ...options }: RateLimitOptions) {
    this.#options = { now, wait, ...options }
  }

  /** Counts bytes that have come; resolves when more may come. */
  async pass(bytes: number, signal: AbortSignal): Promise<void> {
    const { bytesPerSecond, now, wait } = this.#options
    this.#busyUntilMs = Math.max(this.#busyUntilMs, now()) + (bytes / bytesPerSecond) * 1000
    const aheadMs = this.#busyUntilMs - now() - BURST_MS
    if (aheadMs > 0) await wait(aheadMs, signal)
  }
}
