import { spyOn } from 'bun:test'
import type { Query } from '../../src/metadata/query.ts'

/**
 * How long one turn of the event loop lasts at most, by a clock of its own: each question to the metadata takes a millisecond, and nothing else takes any
 * time.
 */
export class LongestTurn {
  #nowMs = 0
  #turnBeganMs = 0
  #longestMs = 0

  /** The same questions, each of which takes its time. */
  watch(read: Query): Query {
    return {
      all: (sql, ...values) => this.#take(read.all(sql, ...values)),
      get: (sql, ...values) => this.#take(read.get(sql, ...values)),
      run: (sql, ...values) => this.#take(read.run(sql, ...values)),
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

  #take<Result>(answer: Promise<Result>): Promise<Result> {
    this.#nowMs += 1
    this.#longestMs = Math.max(this.#longestMs, this.#nowMs - this.#turnBeganMs)
    return answer
  }
}
