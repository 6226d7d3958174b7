import type { Metadata, Query } from '../../src/metadata/query.ts'

/** Lets the transactions of a process go on by so many statements, and no further: its transaction is open then, and everything it asked is done. */
export class SteppedStatements {
  #done = 0
  #limit = Number.POSITIVE_INFINITY
  #stopped = Promise.withResolvers<void>()
  #going = Promise.withResolvers<void>()

  /** What has been done since `limit`. */
  get done(): number {
    return this.#done
  }

  /** From here on it stops after so many. */
  limit(count: number): void {
    this.#done = 0
    this.#limit = count
    this.#stopped = Promise.withResolvers()
    this.#going = Promise.withResolvers()
  }

  goOn(): void {
    this.#limit = Number.POSITIVE_INFINITY
    this.#going.resolve()
  }

  /** Resolves when it has stopped. */
  async stopped(): Promise<void> {
    await this.#stopped.promise
  }

  /** The same metadata, each of whose statements is waited for. */
  watch(metadata: Metadata): Metadata {
    return {
      ...{ read: metadata.read, isRemote: metadata.isRemote ?? false, revision: () => metadata.revision() },
      write: (operation, within) => metadata.write((query) => operation(this.#stepped(query)), within),
    }
  }

  #stepped(query: Query): Query {
    const step = async <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
      if (this.#done >= this.#limit) {
        this.#stopped.resolve()
        await this.#going.promise
      }
      const answer = await ask()
      this.#done += 1
      return answer
    }
    return {
      isNarrow: query.isNarrow ?? false,
      all: (sql, ...values) => step(() => query.all(sql, ...values)),
      get: (sql, ...values) => step(() => query.get(sql, ...values)),
      run: (sql, ...values) => step(async () => void (await query.all(sql, ...values))),
    }
  }
}
