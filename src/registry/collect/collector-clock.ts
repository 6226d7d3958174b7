import { advanceClock, findLastRunning, noteRunning, readClock } from '../../metadata/collecting/clock.ts'
import type { Metadata } from '../../metadata/query.ts'

export interface CollectorClockOptions {
  readonly metadata: Metadata
  /** How often it moves on. */
  readonly tickMs: number
}

/**
 * Moves the collector's clock on, in the one process that has the duty (docs/collector.md, The clock): by what the machine's two clocks agree
 * on, and by no more than two ticks at once. Whoever wrote a row meanwhile wrote the time before the tick, which is older by that at most.
 */
export class CollectorClock {
  readonly #options: CollectorClockOptions
  #last: { readonly wallMs: number; readonly monotonicMs: number } | undefined

  constructor(options: CollectorClockOptions) {
    this.#options = options
  }

  /** So much older than it says may a row be, in milliseconds. */
  get marginMs(): number {
    return 2 * this.#options.tickMs
  }

  /** Moves it on when a tick has passed. Called as often as it suits. */
  async tick(): Promise<void> {
    const now = { wallMs: Date.now(), monotonicMs: performance.now() }
    const last = this.#last ?? now
    if (this.#last !== undefined && now.monotonicMs - last.monotonicMs < this.#options.tickMs) return
    this.#last = now
    const passedMs = Math.min(now.wallMs - last.wallMs, now.monotonicMs - last.monotonicMs, this.marginMs)
    await this.#options.metadata.write((query) => advanceClock(query, Math.max(0, Math.floor(passedMs)), now.wallMs))
  }

  /**
   * Each process says at each tick that it runs, where the one that moves the clock has not: should that one be stopped while others serve, the
   * time of it is no stop of all, and the next start does not add it to the clock.
   */
  async noteRunning(): Promise<void> {
    const { metadata, tickMs } = this.#options
    const wallMs = Date.now()
    const last = await findLastRunning(metadata.read)
    if (last !== undefined && wallMs - last > tickMs) await metadata.write((query) => noteRunning(query, wallMs))
  }

  /** How the clock stands, and when it stood at the beginning of this epoch. */
  async read(): Promise<{ readonly nowMs: number; readonly epochBeganMs: number }> {
    return await readClock(this.#options.metadata.read)
  }
}

/** As it is to a command beside a server: the server moves it on. */
export class StandingClock extends CollectorClock {
  override async tick(): Promise<void> {
    // Two that move it would let it run at twice the pace.
  }
}
