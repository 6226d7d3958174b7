import type { Query, Sql, SqlValue } from '../query.ts'
import type { PostgresConnection } from './connection.ts'
import { type PostgresStatement, type PostgresStatements, postgresStatement } from './dialect.ts'

const BEGIN = postgresStatement('BEGIN')
const COMMIT = postgresStatement('COMMIT')
const ROLLBACK = postgresStatement('ROLLBACK')
const TAKE_TURN = postgresStatement('SELECT take_turn()')
const SHARE_TURN = postgresStatement('SELECT share_turn(?)')
const REQUIRE_LIVING = postgresStatement('SELECT require_living(?)')
const WRITTEN = postgresStatement(
  `INSERT INTO written (writer, number) VALUES (CAST(? AS uuid), CAST(? AS bigint))
   ON CONFLICT (writer) DO UPDATE SET number = excluded.number, at = excluded.at`,
)

const TURN = "hashtextextended('berth turn ' || current_schema(), 0)"

/**
 * Transactions of all processes: whole ones have the turn alone. Narrow ones share it, and have the lock of a name, in this order: one that waits for a
 * name waits for a transaction that has its turn.
 */
export const TURN_FUNCTIONS: readonly string[] = [
  `CREATE OR REPLACE FUNCTION take_turn() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(${TURN}); END $$`,
  `CREATE OR REPLACE FUNCTION share_turn(name text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
     PERFORM pg_advisory_xact_lock_shared(${TURN});
     PERFORM pg_advisory_xact_lock(hashtextextended('berth turn ' || current_schema() || ' ' || name, 0));
   END $$`,
  // Each transaction that has drawn a number up to this one has been committed or undone.
  `CREATE OR REPLACE FUNCTION settled_number() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
     PERFORM take_turn();
     RETURN (SELECT last_value FROM change_number);
   END $$`,
]

interface Begun {
  readonly writer: string
  readonly number: number
  /** Must be alive, where it is given. */
  readonly process: string | undefined
  /** Undefined: it is a whole one. */
  readonly within: string | undefined
}

/**
 * From `begin` to `commit` or `rollBack`, on a connection that nothing else uses meanwhile. Statements whose rows are not asked for are not waited for: they
 * go together with the next one that is, or with the commit. What such a statement throws, all that follow throw.
 */
export class PostgresTransaction implements Query {
  readonly #connection: PostgresConnection
  readonly #statements: PostgresStatements
  readonly #begun: Begun
  #failure: unknown
  #isOver = false

  constructor(connection: PostgresConnection, statements: PostgresStatements, begun: Begun) {
    this.#connection = connection
    this.#statements = statements
    this.#begun = begun
  }

  get isNarrow(): boolean {
    return this.#begun.within !== undefined
  }

  /** What a statement threw first: from then on PostgreSQL does nothing of the transaction, whatever the operation makes of it. */
  get failure(): unknown {
    return this.#failure
  }

  /**
   * Waits for its turn among all processes, and for the name that it is within. The statements that follow see what was committed before. The writer and
   * the number tell later whether this transaction was committed.
   */
  begin(): void {
    const { writer, number, process, within } = this.#begun
    this.#send(BEGIN)
    if (within === undefined) this.#send(TAKE_TURN)
    else this.#send(SHARE_TURN, [within])
    if (process !== undefined) this.#send(REQUIRE_LIVING, [process])
    this.#send(WRITTEN, [writer, number])
  }

  async all<Row>(sql: Sql, ...values: SqlValue[]): Promise<Row[]> {
    return await this.#ask<Row>(this.#statements.of(sql), values)
  }

  async get<Row>(sql: Sql, ...values: SqlValue[]): Promise<Row | undefined> {
    const [row] = await this.all<Row>(sql, ...values)
    return row
  }

  async run(sql: Sql, ...values: SqlValue[]): Promise<void> {
    this.#send(this.#statements.of(sql), values)
  }

  /** Nothing is asked in it any more. Throws what a statement threw, and ConnectionLostError when nothing tells whether it was committed. */
  async commit(): Promise<void> {
    const committed = this.#ask(COMMIT)
    this.#isOver = true
    await committed
    // The server answers to this COMMIT that it has rolled back, which is no error.
    if (this.#failure !== undefined) throw this.#failure
  }

  /** May be called at any point before `commit`, and after one that threw. */
  async rollBack(): Promise<void> {
    this.#isOver = true
    if (this.#connection.isLost) return
    try {
      await this.#connection.ask(ROLLBACK, [])
    } catch (error) {
      // The server undoes it when the connection is gone.
      await this.#connection.close()
      this.#failure ??= error
    }
  }

  #send(statement: PostgresStatement, values: readonly SqlValue[] = []): void {
    this.#ask(statement, values).catch(() => undefined)
  }

  async #ask<Row>(statement: PostgresStatement, values: readonly SqlValue[] = []): Promise<Row[]> {
    if (this.#isOver) throw new Error('the transaction is over')
    try {
      return await this.#connection.ask<Row>(statement, values)
    } catch (error) {
      this.#failure ??= error
      throw this.#failure
    }
  }
}

const NUMBER = postgresStatement('SELECT number FROM written WHERE writer = CAST(? AS uuid)')

/** Puts the rows of connections that have written nothing for a day together in one, so that the sum stays. A connection that writes again makes a row again. */
const FORGET_WRITERS = `WITH gone AS (DELETE FROM written WHERE at < now() - interval '1 day' RETURNING number)
  INSERT INTO written (writer, number, at) SELECT '00000000-0000-0000-0000-000000000000', sum(number), 'infinity' FROM gone HAVING count(*) > 0
  ON CONFLICT (writer) DO UPDATE SET number = written.number + excluded.number`

/** Called at each start: each connection leaves a row. */
export async function forgetWriters(query: Query): Promise<void> {
  await query.run(FORGET_WRITERS)
}

/** Whether that transaction of the writer was the last one to be committed. Nothing of it is under way any more when this answers. */
export async function wasLast(connection: PostgresConnection, writer: string, number: number): Promise<boolean> {
  const [, , [row]] = await Promise.all([
    connection.ask(BEGIN, []),
    connection.ask(TAKE_TURN, []),
    connection.ask<{ number: number }>(NUMBER, [writer]),
    connection.ask(COMMIT, []),
  ])
  return row?.number === number
}
