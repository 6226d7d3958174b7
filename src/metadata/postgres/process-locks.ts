import type { ProcessLocks } from '../processes.ts'
import type { SqlValue } from '../query.ts'
import { PostgresConnection, type PostgresLimits, type PostgresPlace } from './connection.ts'
import { postgresStatement } from './dialect.ts'
import { ConnectionLostError, told } from './errors.ts'
import { KEEPALIVE, whileHolding, withConnection } from './turn.ts'

const LOOK_EVERY_MS = 2_000
/** So long after its last look a process may still begin something in the storage: others that take it for dead wait so much longer before they settle. */
export const FRESH_MS = 6_000
/** A question of a look; with the way to the server less than `FRESH_MS`. */
const ANSWER_MS = 3_000
/** The server ends the session of a process that asks nothing for so long: it is stopped, and the others go on without it. */
const SILENT_MS = 15_000

export interface LivingProcess {
  readonly id: string
  /** Of the tables that it knows. */
  readonly version: number
}

const keyOf = (id: string) => `hashtextextended('berth process ' || current_schema() || ' ' || ${id}, 0)`
/** True when no session has the lock; it is given back with the end of the statement. Two that ask at once do not take each other for its owner. */
const isDead = (id: string) => `pg_try_advisory_xact_lock_shared(${keyOf(id)})`

/** A transaction of a process that the others take for dead fails, from the moment on in which they may settle what it has left. */
export const REQUIRE_LIVING = `CREATE OR REPLACE FUNCTION require_living(name text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  IF ${isDead('name')} OR NOT EXISTS (SELECT 1 FROM process WHERE id = name) THEN
    RAISE EXCEPTION 'this process is taken for dead' USING ERRCODE = 'BD001';
  END IF;
END $$`

/**
 * Which processes are alive (docs/orders-of-writing.md, rule 1): each holds an advisory lock with the session of a connection of its own, which the server
 * takes back when the connection ends, and has a row. Dead means that another one can take that lock, or that the row is gone.
 */
export class PostgresLocks implements ProcessLocks {
  readonly #place: PostgresPlace
  readonly #limits: PostgresLimits
  readonly #connection: PostgresConnection
  readonly #onLost: (error: ConnectionLostError) => void
  readonly #timer: NodeJS.Timeout
  #mine: string | undefined
  #proven: Moment = now()
  #isOver = false

  private constructor(place: PostgresPlace, limits: PostgresLimits, life: Life) {
    this.#place = place
    this.#limits = limits
    this.#connection = life.connection
    this.#onLost = life.onLost
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS)
  }

  /** `onLost` is called once when the session has ended by itself: this process counts as dead, and must begin nothing more. */
  static async open(
    place: PostgresPlace,
    limits: PostgresLimits,
    onLost: (error: ConnectionLostError) => void,
  ): Promise<PostgresLocks> {
    const own = { ...limits, statementMs: Math.min(limits.statementMs, ANSWER_MS) }
    const settings = { ...KEEPALIVE, idle_session_timeout: String(SILENT_MS) }
    let locks: PostgresLocks | undefined
    const onEnd = () => {
      if (locks !== undefined) void locks.#look()
    }
    const connection = await PostgresConnection.open(place, own, { settings, onEnd })
    locks = new PostgresLocks(place, limits, { connection, onLost })
    return locks
  }

  /** Runs a task while no other process of this schema starts. Throws a 503 when another start takes too long, or when the turn was lost meanwhile. */
  async whileStarting<Result>(task: () => Promise<Result>): Promise<Result> {
    // There may be no schema yet.
    return await whileHolding(this.#place, this.#limits, 'start', task)
  }

  /** Takes the lock of this process. Called while no other one starts, and before it shows up in other tables. */
  async hold(id: string, version: number): Promise<void> {
    const begun = now()
    await this.#ask(`SELECT pg_advisory_lock(${keyOf('CAST(? AS TEXT)')})`, id)
    this.#mine = id
    await this.#ask('INSERT INTO process (id, version) VALUES (?, ?)', id, version)
    this.#proven = begun
  }

  /** Whether no other process can have settled what this one does. By the clock that went furthest: the monotonic one stands still while a machine sleeps. */
  get isFresh(): boolean {
    const { atMs, wallMs } = now()
    const sinceMs = Math.max(atMs - this.#proven.atMs, Math.abs(wallMs - this.#proven.wallMs))
    return !this.#isOver && !this.#connection.isLost && sinceMs < FRESH_MS
  }

  async isAlive(id: string): Promise<boolean> {
    if (id === this.#mine) return !this.#isOver && !this.#connection.isLost
    const [row] = await this.#ask<{ isDead: 0 | 1 }>(
      `SELECT ${isDead('CAST(? AS TEXT)')} OR NOT EXISTS (SELECT 1 FROM process WHERE id = CAST(? AS TEXT)) AS isDead`,
      id,
      id,
    )
    return row?.isDead !== 1
  }

  /** The other processes that are alive; none where there are no tables yet. By a connection of its own: the last to leave asks, too. */
  async living(): Promise<LivingProcess[]> {
    return await withConnection(this.#place, this.#limits, async (ask) => {
      const [table] = await ask<{ isThere: 0 | 1 }>("SELECT to_regclass('process') IS NOT NULL AS isThere")
      if (table?.isThere !== 1) return []
      return await ask<LivingProcess>(
        `SELECT id, version FROM process WHERE id <> CAST(? AS TEXT) AND NOT ${isDead('id')}`,
        this.#mine ?? '',
      )
    })
  }

  /** Called while no other one starts: what is left of those that were alive goes. */
  async forgetDead(): Promise<void> {
    await this.#ask(`DELETE FROM process WHERE ${isDead('id')}`)
  }

  release(): void {
    this.#end()
  }

  /** As `release`; when this resolves, every other process knows, if the server can be reached. */
  async leave(): Promise<void> {
    if (this.#isOver) return
    clearInterval(this.#timer)
    // When the server cannot be reached, it ends the session by itself, and the others know by that.
    await this.#ask('DELETE FROM process WHERE id = CAST(? AS TEXT)', this.#mine ?? '').catch(() => undefined)
    this.#end()
  }

  #end(): void {
    this.#isOver = true
    clearInterval(this.#timer)
    void this.#connection.close()
  }

  async #look(): Promise<void> {
    if (this.#isOver) return
    const begun = now()
    const asked =
      this.#mine === undefined ? this.#ask('SELECT 1') : this.#ask('SELECT 1 FROM process WHERE id = CAST(? AS TEXT)', this.#mine)
    const found = await asked.catch(() => undefined)
    if (this.#isOver) return
    if (found !== undefined && found.length > 0) {
      this.#proven = begun
      return
    }
    // A server that is slow is asked again.
    if (found === undefined && !this.#connection.isLost) return
    const reason = this.#connection.lostBecause ?? new ConnectionLostError('the other processes took this one for dead')
    this.#end()
    this.#onLost(reason)
  }

  async #ask<Row>(sql: string, ...values: SqlValue[]): Promise<Row[]> {
    try {
      return await this.#connection.ask<Row>(postgresStatement(sql), values)
    } catch (error) {
      throw told(error)
    }
  }
}

interface Life {
  readonly connection: PostgresConnection
  readonly onLost: (error: ConnectionLostError) => void
}

interface Moment {
  readonly atMs: number
  readonly wallMs: number
}

function now(): Moment {
  return { atMs: performance.now(), wallMs: Date.now() }
}
