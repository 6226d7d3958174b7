import { unavailable } from '../../oci/errors.ts'
import { within } from '../../runtime/deadline.ts'
import { Semaphore } from '../../runtime/semaphore.ts'
import type { PostgresConnection } from './connection.ts'
import { ConnectionLostError } from './errors.ts'

const BUSY = 'The metadata database is busy; try again in a moment.'

/** At most so many connections, made as they are needed. A caller that finds none free waits for its turn, and not for ever. */
export class PostgresConnections {
  readonly #open: () => Promise<PostgresConnection>
  readonly #most: number
  readonly #patienceMs: number
  readonly #turns: Semaphore
  readonly #free: PostgresConnection[] = []
  readonly #used = new Set<PostgresConnection>()
  #isClosed = false
  #isCut = false

  constructor(most: number, patienceMs: number, open: () => Promise<PostgresConnection>) {
    this.#most = most
    this.#patienceMs = patienceMs
    this.#open = open
    this.#turns = new Semaphore(most)
  }

  /** Does something with a connection that nothing else uses meanwhile. Throws a 503 when none becomes free in time. */
  async use<Result>(work: (connection: PostgresConnection) => Promise<Result>): Promise<Result> {
    // A request may outlive the registry that it came to, which was closed then.
    if (this.#isCut) throw cut()
    if (this.#isClosed) throw new Error('the metadata database was closed')
    const { promise: begun, resolve: begin } = Promise.withResolvers<boolean>()
    let isLate = false
    const done = this.#turns.run(async () => {
      if (isLate) throw unavailable(BUSY)
      begin(true)
      if (this.#isCut) throw cut()
      return await this.#useFree(work)
    })
    // Who has waited too long has gone by then.
    done.catch(() => undefined)
    isLate = !(await within(begun, this.#patienceMs, false))
    if (isLate) throw unavailable(BUSY)
    return await done
  }

  /** Ends what is under way, and refuses what comes later. May be repeated. */
  cut(): void {
    this.#isCut = true
    for (const connection of this.#used) void connection.close()
    void this.#closeFree()
  }

  get isCut(): boolean {
    return this.#isCut
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
    this.#used.add(connection)
    try {
      if (this.#isCut) throw cut()
      return await work(connection)
    } finally {
      this.#used.delete(connection)
      if (connection.isLost || this.#isCut) {
        await connection.close()
        await this.#closeFree()
      } else this.#free.push(connection)
    }
  }

  async #closeFree(): Promise<void> {
    await Promise.all(this.#free.splice(0).map((connection) => connection.close()))
  }
}

function cut(): ConnectionLostError {
  return new ConnectionLostError('this process asks the database no more')
}
