import { Together } from '../../runtime/together.ts'
import type { Query, Sql, SqlOfEach, SqlValue } from '../query.ts'
import type { PostgresConnections } from './connections.ts'
import { jointOf, type PostgresStatements } from './dialect.ts'
import { ConnectionLostError, told } from './errors.ts'

/** Manifests of 64 KiB at most, so that one answer has 4 MiB at most. */
const TOGETHER = { most: 64, patienceMs: 100 }

/** Reads what is committed, one statement at a time. */
export class PostgresReading implements Query {
  readonly #connections: PostgresConnections
  readonly #statements: PostgresStatements
  readonly #together = new Map<SqlOfEach, Together<unknown>>()

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
    if (typeof sql !== 'string' && sql.isTogether === true) return (await this.#asker(sql).ask(JSON.stringify(values))) as Row
    const [row] = await this.all<Row>(sql, ...values)
    return row
  }

  async run(sql: Sql, ...values: SqlValue[]): Promise<void> {
    await this.all(sql, ...values)
  }

  #asker(sql: SqlOfEach): Together<unknown> {
    let asker = this.#together.get(sql)
    if (asker === undefined) {
      const joint = jointOf(sql)
      asker = new Together((keys) => this.#askAll(joint, keys), TOGETHER)
      this.#together.set(sql, asker)
    }
    return asker
  }

  /** `keys`: the values of each, as JSON. */
  async #askAll(joint: string, keys: readonly string[]): Promise<readonly unknown[]> {
    const rows: unknown[] = Array.from({ length: keys.length })
    for (const { place, ...row } of await this.all<{ place: number }>(joint, `[${keys.join(',')}]`)) rows[place] = row
    return rows
  }
}
