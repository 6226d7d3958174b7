import type { Metadata, Query } from '../metadata/query.ts'

/** What takes longer holds up every request of the process, and the next one may take several times as long. */
const LONG_MS = 5

export interface PortionOptions {
  readonly least?: number
  readonly most: number
  /** Until it is known how long they take; left out: a quarter of the most. */
  readonly first?: number
  readonly longMs?: number
  /** Left out: the clock, so that waiting for a disk counts. */
  readonly nowMs?: () => number
}

/**
 * How many rows a question or a transaction is about: so many that it takes about as long as it may, on this machine and in this database. Half as many
 * after one that took longer, and twice as many after a whole one that took less than half of that.
 */
export class Portion {
  readonly #least: number
  readonly #most: number
  readonly #longMs: number
  readonly #nowMs: () => number
  #size: number

  constructor({ least = 1, most, first = most / 4, longMs = LONG_MS, nowMs = () => performance.now() }: PortionOptions) {
    this.#least = least
    this.#most = most
    this.#longMs = longMs
    this.#nowMs = nowMs
    this.#size = Math.max(least, Math.floor(first))
  }

  get size(): number {
    return this.#size
  }

  /** `rowsOf`: how many the result is about; left out: the whole portion. */
  async timed<Result>(work: () => Promise<Result>, rowsOf: (result: Result) => number = () => this.#size): Promise<Result> {
    const beganMs = this.#nowMs()
    const result = await work()
    this.took(this.#nowMs() - beganMs, rowsOf(result))
    return result
  }

  /** A transaction about so many rows, up to its commit: that it waits for others does not count. */
  async write<Result>(
    metadata: Pick<Metadata, 'write'>,
    operation: (query: Query) => Promise<Result>,
    rows: number = this.#size,
  ): Promise<Result> {
    let beganMs = 0
    const result = await metadata.write((query) => {
      beganMs = this.#nowMs()
      return operation(query)
    })
    this.took(this.#nowMs() - beganMs, rows)
    return result
  }

  took(ms: number, rows: number): void {
    if (ms > this.#longMs) this.#size = Math.max(this.#least, Math.floor(this.#size / 2))
    else if (ms < this.#longMs / 2 && rows >= this.#size) this.#size = Math.min(this.#most, this.#size * 2)
  }
}
