import type { Query, Sql, SqlValue } from '../query.ts'
import type { PostgresConnections } from './connections.ts'
import type { PostgresStatements } from './dialect.ts'
import { ConnectionLostError, told } from './errors.ts'

/** Reads what is committed, one statement at a time. */
export class PostgresReading implements Query {
  readonly #connections: PostgresConnections
  readonly #statements: PostgresStatements

  constructor(connections: PostgresConnections, statements: PostgresStatements) {
    this.#connections = connections
    this.#statements = statements
  }

  async all<Row>(sql: Sql, ...values: SqlValue[]): Promise<Row[]> {
    const statement = this.#statements.of(sql)
    const ask = () => this.#connections.use((connection) => connection.ask<Row>(statement, values))
    try {
      return await ask().catch((error: unknown) => {
        if (error instanceof ConnectionLostError) return ask()
        throw error
      })
    } catch (error) {
      throw told(error)
    }
  }

  async get<Row>(sql: Sql, ...values: SqlValue[]): Promise<Row | undefined> {
    const [row] = await this.all<Row>(sql, ...values)
    return row
  }

  async run(sql: Sql, ...values: SqlValue[]): Promise<void> {
    await this.all(sql, ...values)
  }
}
