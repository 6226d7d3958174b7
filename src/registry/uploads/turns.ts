/** About 2 ms to hash with SHA-256 and to write, 5 with SHA-512. */
const BYTES_PER_TURN = 2 * 1024 * 1024
/** What one upload brings at most when it goes on: the runtime has gathered so much of its body meanwhile. */
const BYTES_AFTER_A_WAIT = 1024 * 1024

/**
 * Hashing and writing keep the event loop busy. The uploads of a process together do so much of it in one turn of the loop and leave the
 * rest to the next, so that no other request waits for them long. Uploads that may not wait (`WaitingPlaces`) go on, and the turns become longer.
 */
export class Turns {
  readonly #waiting: (() => void)[] = []
  #bytes = 0
  #isScheduled = false

  /** Counts bytes that were hashed and written; resolves when this upload may go on. */
  async pass(bytes: number, mayWait: () => boolean): Promise<void> {
    this.#bytes += bytes
    this.#schedule()
    const isFirst = this.#bytes < BYTES_PER_TURN && this.#waiting.length === 0
    if (isFirst || !mayWait()) return
    await new Promise<void>((resume) => this.#waiting.push(resume))
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
