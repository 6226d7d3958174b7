import { SLICE } from '../../metadata/deleting/sets.ts'
import type { Query } from '../../metadata/query.ts'
import { Rest } from '../rest.ts'

/** It would take more questions than its caller wants to ask. */
export class TooMuch extends Error {}

/** Questions to the metadata, asked one after another: other requests have their turn between them. */
export class Questions {
  readonly #read: Query
  readonly #signal: AbortSignal
  readonly #rest = new Rest()
  #left: number

  constructor(read: Query, { signal, atMost = Number.POSITIVE_INFINITY }: { signal: AbortSignal; atMost?: number }) {
    this.#read = read
    this.#signal = signal
    this.#left = atMost
  }

  /** Throws TooMuch, and the reason of the signal. */
  async ask<Answer>(question: (query: Query) => Promise<Answer>): Promise<Answer> {
    this.#signal.throwIfAborted()
    this.#left -= 1
    if (this.#left < 0) throw new TooMuch()
    const answer = await question(this.#read)
    await this.#rest.after(0)
    return answer
  }

  /** All slices of a list, each asked for by the place where the one before ended. The last one is not full. */
  async *slices<Row, Place>(
    list: (query: Query, after: Place) => Promise<readonly Row[]>,
    first: Place,
    placeOf: (row: Row) => Place,
  ): AsyncGenerator<readonly Row[]> {
    for (let after = first; ; ) {
      const rows = await this.ask((query) => list(query, after))
      const last = rows.at(-1)
      if (last === undefined) return
      yield rows
      if (rows.length < SLICE) return
      after = placeOf(last)
    }
  }
}
