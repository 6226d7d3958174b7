/** Longer than a busy machine keeps a process from running, shorter than the kernel lets a writer wait for a disk that falls behind. */
const SLOW_WRITE_MS = 25
const REST_MS = 1000

interface Ways<Result> {
  readonly atOnce: () => Result
  readonly inPool: () => Promise<Result>
  /** Bytes of the same file are on their way to the disk. */
  readonly isSyncing: boolean
  readonly mayWait: () => boolean
}

/**
 * Decides where the writes of one disk are done. At once, before the event loop goes on, as long as the disk keeps up: that takes no
 * longer than to copy the bytes into the kernel's memory. For a second after a write that took longer they wait in the file pool, where they
 * hold up no other request. An upload that may not wait writes at once, and blocks the event loop.
 *
 * A file that is being synced is written to in the pool as well: ext4 locks it while its bytes get their places on the disk, and a write
 * waits for that, for 40 ms often and up to 350. One that is written alone is not, as it would be a fifth slower (0.5 GB/s, 0.64).
 */
export class WritePace {
  readonly #clock: () => number
  #slowUntilMs = 0
  #files = 0

  /** `clock`: milliseconds from any start. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock
  }

  /** A file is written to from now on, until `leave`. */
  enter(): void {
    this.#files += 1
  }

  leave(): void {
    this.#files -= 1
  }

  async write<Result>({ atOnce, inPool, isSyncing, mayWait }: Ways<Result>): Promise<Result> {
    const isSlow = this.#clock() < this.#slowUntilMs || (isSyncing && this.#files > 1)
    return isSlow && mayWait() ? await inPool() : this.#time(atOnce)
  }

  #time<Result>(write: () => Result): Result {
    const startMs = this.#clock()
    const result = write()
    const endMs = this.#clock()
    if (endMs - startMs > SLOW_WRITE_MS) this.#slowUntilMs = endMs + REST_MS
    return result
  }
}
