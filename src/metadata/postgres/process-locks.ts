import type { ProcessLocks } from '../processes.ts'
import type { SqlValue } from '../query.ts'
import { PostgresConnection, type PostgresLimits, type PostgresPlace } from './connection.ts'
import { postgresStatement } from './dialect.ts'
import { type ConnectionLostError, told } from './errors.ts'

/** So long after it a process knows that its session has ended. */
const LOOK_EVERY_MS = 2_000

export interface LivingProcess {
  readonly id: string
  /** Of the tables that it knows. */
  readonly version: number
}

const keyOf = (id: string) => `hashtextextended('berth process ' || current_schema() || ' ' || ${id}, 0)`
/** True when no session has the lock; it is given back with the end of the statement. Two that ask at once do not take each other for its owner. */
const isDead = (id: string) => `pg_try_advisory_xact_lock_shared(${keyOf(id)})`

/**
 * Which processes are alive (docs/orders-of-writing.md, rule 1): each holds an advisory lock with the session of a connection of its own, which the server
 * takes back when the connection ends. Dead means that another one can take that lock.
 */
export class PostgresLocks implements ProcessLocks {
  readonly #connection: PostgresConnection
  readonly #schema: string
  readonly #onLost: (error: ConnectionLostError) => void
  readonly #timer: NodeJS.Timeout
  #mine: string | undefined
  #isReleased = false

  private constructor(connection: PostgresConnection, schema: string, onLost: (error: ConnectionLostError) => void) {
    this.#connection = connection
    this.#schema = schema
    this.#onLost = onLost
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS)
  }

  /** `onLost` is called once when the session has ended by itself: this process counts as dead, and must begin nothing more. */
  static async open(
    place: PostgresPlace,
    limits: PostgresLimits,
    onLost: (error: ConnectionLostError) => void,
  ): Promise<PostgresLocks> {
    return new PostgresLocks(await PostgresConnection.open(place, limits), place.schema, onLost)
  }

  /** Runs a task while no other process of this schema starts. Throws a 503 when another start takes too long. */
  async whileStarting<Result>(task: () => Promise<Result>): Promise<Result> {
    // There may be no schema yet.
    const key = "hashtextextended('berth start ' || CAST(? AS TEXT), 0)"
    await this.#ask(`SELECT pg_advisory_lock(${key})`, this.#schema)
    try {
      return await task()
    } finally {
      if (!this.#connection.isLost) await this.#ask(`SELECT pg_advisory_unlock(${key})`, this.#schema)
    }
  }

  /** Takes the lock of this process. Called while no other one starts, and before it shows up in other tables. */
  async hold(id: string, version: number): Promise<void> {
    await this.#ask(`SELECT pg_advisory_lock(${keyOf('CAST(? AS TEXT)')})`, id)
    this.#mine = id
    await this.#ask('INSERT INTO process (id, version) VALUES (?, ?)', id, version)
  }

  async isAlive(id: string): Promise<boolean> {
    if (id === this.#mine) return !this.#connection.isLost
    const [row] = await this.#ask<{ isDead: 0 | 1 }>(`SELECT ${isDead('CAST(? AS TEXT)')} AS isDead`, id)
    return row?.isDead !== 1
  }

  /** The other processes that are alive; none where there are no tables yet. */
  async living(): Promise<LivingProcess[]> {
    const [table] = await this.#ask<{ isThere: 0 | 1 }>("SELECT to_regclass('process') IS NOT NULL AS isThere")
    if (table?.isThere !== 1) return []
    return await this.#ask<LivingProcess>(
      `SELECT id, version FROM process WHERE id <> CAST(? AS TEXT) AND NOT ${isDead('id')}`,
      this.#mine ?? '',
    )
  }

  /** Called while no other one starts: what is left of those that were alive goes. */
  async forgetDead(): Promise<void> {
    await this.#ask(`DELETE FROM process WHERE ${isDead('id')}`)
  }

  release(): void {
    this.#isReleased = true
    clearInterval(this.#timer)
    void this.#connection.close()
  }

  async #look(): Promise<void> {
    await this.#ask('SELECT 1').catch(() => undefined)
    const { lostBecause } = this.#connection
    if (lostBecause === undefined || this.#isReleased) return
    clearInterval(this.#timer)
    this.#onLost(lostBecause)
  }

  async #ask<Row>(sql: string, ...values: SqlValue[]): Promise<Row[]> {
    try {
      return await this.#connection.ask<Row>(postgresStatement(sql), values)
    } catch (error) {
      throw told(error)
    }
  }
}
