const LOOK_EVERY_MS = 2_000
/** Of each look: a few pulls, or the tasks of a process that has nothing else to do. */
const QUIET_STATEMENTS = 100

/**
 * Has SQLite give back the memory of the pages that it keeps when few statements are run: the pages of its two connections stayed after ten lists of
 * large manifests. The next statements read their pages from the system's cache, 10 µs each.
 */
export class PageMemory {
  readonly #giveBack: () => void
  readonly #timer: ReturnType<typeof setInterval>
  #statements = 0
  #hasPages = false

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS)
    this.#timer.unref()
  }

  countStatement(): void {
    this.#statements += 1
  }

  look(): void {
    const statements = this.#statements
    this.#statements = 0
    this.#hasPages ||= statements > 0
    if (!this.#hasPages || statements >= QUIET_STATEMENTS) return
    this.#giveBack()
    this.#hasPages = false
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
