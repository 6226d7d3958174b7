import { pause } from '../../runtime/pause.ts'

export interface ReadingPaceOptions {
  /** While no client is served. */
  readonly bytesPerSecond: number
  /** Readers wait longer than they should. */
  readonly readersWait: () => boolean
  /** Clients are served at this moment. */
  readonly isServing: () => boolean
}

/** Parts of the pace: what is read in the background can wait, and clients do not. */
const WHILE_SERVING = 1 / 8
const WHILE_READERS_WAIT = 1 / 16

/** Keeps what is read in the background below so many bytes in a second. */
export class ReadingPace {
  readonly #options: ReadingPaceOptions
  #freeAtMs = 0
  /** How long readings have waited, all of them together. */
  waitedMs = 0

  constructor(options: ReadingPaceOptions) {
    this.#options = options
  }

  /** Waits after so many bytes until the next may be read. Throws the reason of the signal. */
  readonly after = async (bytes: number, signal: AbortSignal): Promise<void> => {
    const now = performance.now()
    this.#freeAtMs = Math.max(this.#freeAtMs, now) + (bytes * 1000) / this.bytesPerSecond
    if (this.#freeAtMs - now < 1) return
    try {
      await pause(this.#freeAtMs - now, signal)
    } finally {
      this.waitedMs += performance.now() - now
    }
  }

  /** From now on. */
  get bytesPerSecond(): number {
    const { bytesPerSecond, readersWait, isServing } = this.#options
    if (readersWait()) return bytesPerSecond * WHILE_READERS_WAIT
    return isServing() ? bytesPerSecond * WHILE_SERVING : bytesPerSecond
  }
}
