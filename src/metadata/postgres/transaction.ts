import type { Query, Sql, SqlValue } from '../query.ts'
import type { PostgresConnection } from './connection.ts'
import { type PostgresStatement, type PostgresStatements, postgresStatement } from './dialect.ts'

const BEGIN = postgresStatement('BEGIN')
const COMMIT = postgresStatement('COMMIT')
const ROLLBACK = postgresStatement('ROLLBACK')
const TURN = postgresStatement("UPDATE counter SET value = value + 1 WHERE name = 'commits'")
const REQUIRE_LIVING = postgresStatement('SELECT require_living(?)')
const WRITTEN = postgresStatement(
  `INSERT INTO written (writer, number) VALUES (CAST(? AS uuid), CAST(? AS bigint))
   ON CONFLICT (writer) DO UPDATE SET number = excluded.number, at = excluded.at`,
)

/**
 * From `begin` to `commit` or `rollBack`, on a connection that nothing else uses meanwhile. Statements whose rows are not asked for are not waited for: they
 * go together with the next one that is, or with the commit. What such a statement throws, all that follow throw.
 */
export class PostgresTransaction implements Query {
  readonly #connection: PostgresConnection
  readonly #statements: PostgresStatements
  #failure: unknown
  #isOver = false

  constructor(connection: PostgresConnection, statements: PostgresStatements) {
    this.#connection = connection
    this.#statements = statements
  }

  /** What a statement threw first: from then on PostgreSQL does nothing of the transaction, whatever the operation makes of it. */
  get failure(): unknown {
    return this.#failure
  }

  /**
   * Waits for its turn among all processes: each has the row of one counter until it ends. The statements that follow see what was committed before. The
   * writer and the number tell later whether this transaction was committed. `process` must be alive, where it is given.
   */
  begin(writer: string, number: number, process: string | undefined): void {
    this.#send(BEGIN)
    this.#send(TURN)
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

const LOCKED = postgresStatement("SELECT value FROM counter WHERE name = 'commits' FOR UPDATE")
const NUMBER = postgresStatement('SELECT number FROM written WHERE writer = CAST(? AS uuid)')

/** Whether that transaction of the writer was the last one to be committed. Nothing of it is under way any more when this answers. */
export async function wasLast(connection: PostgresConnection, writer: string, number: number): Promise<boolean> {
  const [, , [row]] = await Promise.all([
    connection.ask(BEGIN, []),
    connection.ask(LOCKED, []),
    connection.ask<{ number: number }>(NUMBER, [writer]),
    connection.ask(COMMIT, []),
  ])
  return row?.number === number
}
