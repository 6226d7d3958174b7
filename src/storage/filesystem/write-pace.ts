/** Longer than a busy machine keeps a process from running, shorter than the kernel lets a writer wait for a disk that falls behind. */
const SLOW_WRITE_MS = 25
const REST_MS = 1000
/** Each upload that waits may have 4 MiB of its body gathered by the runtime meanwhile. */
const MOST_WAITING = 8

/**
 * Decides where the writes of one disk are done. At once, before the event loop goes on, as long as the disk keeps up: that takes no
 * longer than to copy the bytes into the kernel's memory. For a second after a write that took longer they wait in the file pool, where they
 * hold nobody up; but only a few of them, so that memory stays bounded: the others make everyone wait for the disk.
 */
export class WritePace {
  readonly #clock: () => number
  #slowUntilMs = 0
  #waiting = 0

  /** `clock`: milliseconds from any start. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock
  }

  async write<Result>(ways: { readonly atOnce: () => Result; readonly inPool: () => Promise<Result> }): Promise<Result> {
    if (this.#clock() >= this.#slowUntilMs || this.#waiting >= MOST_WAITING) return this.#time(ways.atOnce)
    this.#waiting += 1
    try {
      return await ways.inPool()
    } finally {
      this.#waiting -= 1
    }
  }

  #time<Result>(write: () => Result): Result {
    const startMs = this.#clock()
    const result = write()
    const endMs = this.#clock()
    if (endMs - startMs > SLOW_WRITE_MS) this.#slowUntilMs = endMs + REST_MS
    return result
  }
}
