/** One acknowledged write to a name that several clients write to, in milliseconds of one clock. */
interface Write {
  readonly value: string
  readonly begunAt: number
  readonly endedAt: number
}

/** Writes to one name by many at once, and who may have won: only a write that none began after. */
export class Contest {
  readonly #writes: Write[] = []

  /** Notes a write that resolves when it is acknowledged. */
  async write(value: string, send: () => Promise<unknown>): Promise<void> {
    const begunAt = performance.now()
    await send()
    this.#writes.push({ value, begunAt, endedAt: performance.now() })
  }

  get possibleWinners(): ReadonlySet<string> {
    const lastBegun = Math.max(...this.#writes.map(({ begunAt }) => begunAt))
    return new Set(this.#writes.filter(({ endedAt }) => endedAt >= lastBegun).map(({ value }) => value))
  }
}
