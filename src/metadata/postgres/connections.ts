import { unavailable } from '../../oci/errors.ts'
import { within } from '../../runtime/deadline.ts'
import { Semaphore } from '../../runtime/semaphore.ts'
import type { PostgresConnection } from './connection.ts'

const BUSY = 'The metadata database is busy; try again in a moment.'

/** At most so many connections, made as they are needed. A caller that finds none free waits for its turn, and not for ever. */
export class PostgresConnections {
  readonly #open: () => Promise<PostgresConnection>
  readonly #most: number
  readonly #patienceMs: number
  readonly #turns: Semaphore
  readonly #free: PostgresConnection[] = []
  #isClosed = false

  constructor(most: number, patienceMs: number, open: () => Promise<PostgresConnection>) {
    this.#most = most
    this.#patienceMs = patienceMs
    this.#open = open
    this.#turns = new Semaphore(most)
  }

  /** Does something with a connection that nothing else uses meanwhile. Throws a 503 when none becomes free in time. */
  async use<Result>(work: (connection: PostgresConnection) => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw new Error('the metadata database was closed')
    const { promise: begun, resolve: begin } = Promise.withResolvers<boolean>()
    let isLate = false
    const done = this.#turns.run(async () => {
      if (isLate) throw unavailable(BUSY)
      begin(true)
      return await this.#useFree(work)
    })
    // Who has waited too long has gone by then.
    done.catch(() => undefined)
    isLate = !(await within(begun, this.#patienceMs, false))
    if (isLate) throw unavailable(BUSY)
    return await done
  }

  /** Waits for what is under way and what waits for its turn. Later calls fail. */
  async close(): Promise<void> {
    this.#isClosed = true
    const { promise: allTaken, resolve } = Promise.withResolvers<void>()
    let taken = 0
    const take = async () => {
      taken += 1
      if (taken === this.#most) resolve()
      await allTaken
    }
    await Promise.all(Array.from({ length: this.#most }, () => this.#turns.run(take)))
    await this.#closeFree()
  }

  /** A connection that was lost is not kept, nor are those that were free meanwhile: they may be lost as well. */
  async #useFree<Result>(work: (connection: PostgresConnection) => Promise<Result>): Promise<Result> {
    const connection = this.#free.pop() ?? (await this.#open())
    try {
      return await work(connection)
    } finally {
      if (connection.isLost) await this.#closeFree()
      else this.#free.push(connection)
    }
  }

  async #closeFree(): Promise<void> {
    await Promise.all(this.#free.splice(0).map((connection) => connection.close()))
  }
}
