import type { Query, Sql, SqlValue } from '../query.ts'
import type { PostgresConnection } from './connection.ts'
import type { PostgresStatements } from './dialect.ts'

/** From `begin` to `commit` or `rollBack`, on a connection that nothing else uses meanwhile. */
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
   * writer and the number, which are no text of others, tell later whether this transaction was committed. `process` must be alive, where it is given.
   */
  async begin(writer: string, number: number, process: string | undefined): Promise<void> {
    const requireLiving = process === undefined ? '' : `SELECT require_living('${process}');`
    await this.#do(() =>
      this.#connection.control(
        `BEGIN; UPDATE counter SET value = value + 1 WHERE name = 'commits'; ${requireLiving}
         INSERT INTO written (writer, number) VALUES ('${writer}', ${number})
         ON CONFLICT (writer) DO UPDATE SET number = excluded.number, at = excluded.at`,
      ),
    )
  }

  async all<Row>(sql: Sql, ...values: SqlValue[]): Promise<Row[]> {
    return await this.#do(() => this.#connection.ask<Row>(this.#statements.of(sql), values))
  }

  async get<Row>(sql: Sql, ...values: SqlValue[]): Promise<Row | undefined> {
    const [row] = await this.all<Row>(sql, ...values)
    return row
  }

  async run(sql: Sql, ...values: SqlValue[]): Promise<void> {
    await this.all(sql, ...values)
  }

  /** Nothing is asked in it any more. Throws ConnectionLostError when nothing tells whether it was committed. */
  async commit(): Promise<void> {
    this.#isOver = true
    await this.#connection.control('COMMIT')
  }

  /** May be called at any point before `commit`. */
  async rollBack(): Promise<void> {
    this.#isOver = true
    if (this.#connection.isLost) return
    try {
      await this.#connection.control('ROLLBACK')
    } catch (error) {
      // The server undoes it when the connection is gone.
      await this.#connection.close()
      this.#failure ??= error
    }
  }

  async #do<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    if (this.#isOver) throw new Error('the transaction is over')
    try {
      return await ask()
    } catch (error) {
      this.#failure ??= error
      throw error
    }
  }
}

/** Whether that transaction of the writer was the last one to be committed. Nothing of it is under way any more when this answers. */
export async function wasLast(connection: PostgresConnection, writer: string, number: number): Promise<boolean> {
  await connection.control("BEGIN; SELECT value FROM counter WHERE name = 'commits' FOR UPDATE")
  const text = 'SELECT number FROM written WHERE writer = CAST($1 AS uuid)'
  const [row] = await connection.ask<{ number: number }>({ text, jsonPlaces: new Set() }, [writer])
  await connection.control('COMMIT')
  return row?.number === number
}
