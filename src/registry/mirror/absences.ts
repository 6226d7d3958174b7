/** For so long an upstream that answered 404 is not asked again: several clients, or one that tries again at once. */
export const REMEMBERED_MS = 5_000
/** Their names come from clients. */
const MOST_REMEMBERED = 10_000

/** What an upstream did not have a moment ago. */
export class Absences {
  readonly #now: () => number
  /** Until when; the oldest first. */
  readonly #untilMs = new Map<string, number>()

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  has(name: string): boolean {
    const untilMs = this.#untilMs.get(name)
    if (untilMs === undefined) return false
    if (untilMs > this.#now()) return true
    this.#untilMs.delete(name)
    return false
  }

  add(name: string): void {
    this.#untilMs.delete(name)
    this.#untilMs.set(name, this.#now() + REMEMBERED_MS)
    const [oldest] = this.#untilMs.keys()
    if (this.#untilMs.size > MOST_REMEMBERED && oldest !== undefined) this.#untilMs.delete(oldest)
  }
}
