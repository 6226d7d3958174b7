/** 1.3 ms of SHA-256, 4.5 ms of SHA-512. */
const BYTES_PER_TURN = 2 * 1024 * 1024
/** What one upload brings at most when it goes on: the runtime has gathered so much of its body meanwhile. */
const BYTES_AFTER_A_WAIT = 1024 * 1024

/**
 * Hashing keeps the event loop busy. All uploads of a process together do so much of it in one turn of the loop and leave the rest to
 * the next, so that nobody else waits for them: with 32 uploads a turn took 17 ms and at worst 55; it takes 3 now, and at worst 32.
 */
export class Turns {
  readonly #waiting: (() => void)[] = []
  #bytes = 0
  #isScheduled = false

  /** Counts bytes that were hashed; resolves when this upload may go on. */
  async pass(bytes: number): Promise<void> {
    this.#bytes += bytes
    if (this.#waiting.length === 0 && this.#bytes < BYTES_PER_TURN) return
    await new Promise<void>((resume) => {
      this.#waiting.push(resume)
      this.#schedule()
      if (this.#bytes < BYTES_PER_TURN) this.#waiting.shift()?.()
    })
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#begin())
  }

  #begin(): void {
    this.#isScheduled = false
    this.#bytes = 0
    for (const resume of this.#waiting.splice(0, BYTES_PER_TURN / BYTES_AFTER_A_WAIT)) resume()
    if (this.#waiting.length > 0) this.#schedule()
  }
}
