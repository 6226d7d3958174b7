import { spyOn } from 'bun:test'
import type { Metadata, Query, SqlValue } from '../../src/metadata/query.ts'

/**
 * How long one turn of the event loop lasts at most, by a clock of its own: each question to the metadata takes a millisecond, or as long as the test says, and
 * so does each row that it is about; nothing else takes any time.
 */
export class LongestTurn {
  /** How long each transaction took. */
  readonly transactionsMs: number[] = []
  rowMs: number
  readonly #questionMs: number
  #nowMs = 0
  #turnBeganMs = 0
  #longestMs = 0

  constructor({ questionMs = 1, rowMs = 0 } = {}) {
    this.#questionMs = questionMs
    this.rowMs = rowMs
  }

  /** The same metadata. */
  metadata(opened: Metadata): Metadata {
    return {
      read: this.watch(opened.read),
      revision: () => opened.revision(),
      write: async (operation) => {
        let beganMs = 0
        const result = await opened.write((query) => {
          beganMs = this.#nowMs
          return operation(this.watch(query))
        })
        this.transactionsMs.push(this.#nowMs - beganMs)
        return result
      },
    }
  }

  /** The same questions, each of which takes its time. */
  watch(read: Query): Query {
    return {
      all: (sql, ...values) => this.#take(read.all(sql, ...values), values),
      get: (sql, ...values) => this.#take(read.get(sql, ...values), values),
      run: (sql, ...values) => this.#take(read.run(sql, ...values), values),
    }
  }

  /** Of the turns meanwhile the longest, and how long all of it took. */
  async during(work: () => Promise<unknown>): Promise<{ readonly longestMs: number; readonly tookMs: number }> {
    const clock = spyOn(performance, 'now').mockImplementation(() => this.#nowMs)
    let isOver = false
    const turn = () => {
      this.#turnBeganMs = this.#nowMs
      if (!isOver) setImmediate(turn)
    }
    turn()
    this.#longestMs = 0
    const beganMs = this.#nowMs
    try {
      await work()
      return { longestMs: this.#longestMs, tookMs: this.#nowMs - beganMs }
    } finally {
      isOver = true
      clock.mockRestore()
    }
  }

  async #take<Result>(answer: Promise<Result>, values: readonly SqlValue[]): Promise<Result> {
    const result = await answer
    this.#nowMs += this.#questionMs + this.rowMs * (Array.isArray(result) ? result.length : listedIn(values))
    this.#longestMs = Math.max(this.#longestMs, this.#nowMs - this.#turnBeganMs)
    return result
  }
}

/** Rows of a list for `json_each`. */
function listedIn(values: readonly SqlValue[]): number {
  const list = values.find((value) => typeof value === 'string' && value.startsWith('['))
  return typeof list === 'string' ? (JSON.parse(list) as readonly unknown[]).length : 0
}
