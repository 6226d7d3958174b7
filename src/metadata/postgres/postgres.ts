import { unavailable } from '../../oci/errors.ts'
import type { OwnedMetadata } from '../processes.ts'
import { type Query, WholeNeeded } from '../query.ts'
import { PostgresConnection, type PostgresLimits, type PostgresPlace } from './connection.ts'
import { PostgresConnections } from './connections.ts'
import { PostgresStatements } from './dialect.ts'
import { ConnectionLostError, isRepeatable, told } from './errors.ts'
import { PostgresReading } from './reading.ts'
import { PostgresTransaction, wasLast } from './transaction.ts'

export interface PostgresOptions {
  readonly place: PostgresPlace
  readonly limits?: Partial<PostgresLimits>
  /** Beside the connections that write. */
  readonly readers?: number
  /** Connections for narrow transactions, beside the one for whole ones. */
  readonly narrow?: number
}

export const LIMITS: PostgresLimits = {
  connectMs: 5_000,
  statementMs: 30_000,
  lockMs: 10_000,
  transactionMs: 60_000,
  idleInTransactionMs: 5_000,
}
const READERS = 4
const NARROW = 4
const PAUSE_MS = 100

const REVISION = 'SELECT CAST(coalesce(sum(number), 0) AS BIGINT) AS value FROM written'

type Operation<Result> = (query: Query) => Promise<Result>

type Tried<Result> =
  | { readonly state: 'committed'; readonly result: Result }
  /** The answer to the commit was lost. */
  | { readonly state: 'unknown'; readonly result: Result; readonly writer: string; readonly number: number }
  /** By the server or with the connection: the same once more may succeed. */
  | { readonly state: 'undone'; readonly cause: unknown }

/**
 * A PostgreSQL database whose tables exist. A whole transaction runs alone, as in SQLite: until it commits, no other process changes what it has read.
 * Narrow transactions run side by side if they concern different names (docs/decisions/0035-postgresql.md).
 */
export class PostgresMetadata implements OwnedMetadata {
  readonly read: Query
  readonly isRemote = true
  readonly #readers: PostgresConnections
  readonly #writer: PostgresConnections
  readonly #narrow: PostgresConnections
  readonly #statements = new PostgresStatements()
  readonly #limits: PostgresLimits
  /** Of the last transaction. Those of each connection grow. */
  #number = 0
  #process: string | undefined

  /** Connects when it is asked for something. */
  constructor({ place, limits, readers = READERS, narrow = NARROW }: PostgresOptions) {
    this.#limits = { ...LIMITS, ...limits }
    const open = () => PostgresConnection.open(place, this.#limits)
    this.#readers = new PostgresConnections(readers, this.#limits.lockMs, open)
    this.#writer = new PostgresConnections(1, this.#limits.lockMs, open)
    this.#narrow = new PostgresConnections(narrow, this.#limits.lockMs, open)
    this.read = new PostgresReading(this.#readers, this.#statements)
  }

  /** From now on no transaction is begun once the others take this process for dead: it is a 503 then. */
  belongTo(process: string): void {
    this.#process = process
  }

  /** Ends what is under way and refuses what comes later, with a 503: this process counts as dead. */
  cut(): void {
    for (const connections of this.#all) connections.cut()
  }

  /** Grows with each commit, since each makes a number of one connection larger: a question to the server, like any other. */
  async revision(): Promise<number> {
    return (await this.read.get<{ value: number }>(REVISION))?.value ?? 0
  }

  /** Throws a 503 when the server cannot be reached or is busy, and when nothing tells whether it made the change. */
  async write<Result>(operation: (query: Query) => Promise<Result>, within?: string): Promise<Result> {
    try {
      return await this.#write(operation, within)
    } catch (error) {
      if (!(error instanceof WholeNeeded)) throw told(error)
    }
    return await this.write(operation)
  }

  /** Waits for the transactions under way. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map((connections) => connections.close()))
  }

  get #all(): readonly PostgresConnections[] {
    return [this.#readers, this.#writer, this.#narrow]
  }

  async #write<Result>(operation: Operation<Result>, within: string | undefined): Promise<Result> {
    const deadline = performance.now() + this.#limits.transactionMs
    const writers = within === undefined ? this.#writer : this.#narrow
    for (;;) {
      const tried = await writers.use((connection) => this.#try(connection, operation, within))
      if (tried.state === 'committed') return tried.result
      if (tried.state === 'unknown' && (await this.#wasCommitted(tried))) return tried.result
      if (tried.state === 'undone' && (writers.isCut || performance.now() > deadline)) throw tried.cause
      await Bun.sleep(Math.random() * PAUSE_MS)
    }
  }

  async #try<Result>(
    connection: PostgresConnection,
    operation: Operation<Result>,
    within: string | undefined,
  ): Promise<Tried<Result>> {
    const begun = { writer: connection.id, number: ++this.#number, process: this.#process, within }
    const transaction = new PostgresTransaction(connection, this.#statements, begun)
    const timer = setTimeout(() => void connection.close(), this.#limits.transactionMs)
    try {
      return await this.#tryIn(transaction, operation, begun)
    } finally {
      clearTimeout(timer)
    }
  }

  async #tryIn<Result>(
    transaction: PostgresTransaction,
    operation: Operation<Result>,
    { writer, number }: { readonly writer: string; readonly number: number },
  ): Promise<Tried<Result>> {
    let result: Result
    try {
      transaction.begin()
      result = await operation(transaction)
      // An operation that goes on after a failure would be told that all of it was committed.
      if (transaction.failure !== undefined) throw transaction.failure
    } catch (error) {
      await transaction.rollBack()
      const cause = transaction.failure
      if (cause instanceof ConnectionLostError || isRepeatable(cause)) return { state: 'undone', cause }
      throw error
    }
    try {
      await transaction.commit()
      return { state: 'committed', result }
    } catch (error) {
      if (error instanceof ConnectionLostError) return { state: 'unknown', result, writer, number }
      await transaction.rollBack()
      if (isRepeatable(error)) return { state: 'undone', cause: error }
      throw error
    }
  }

  /** Asks until the server is there again. It may hold the lock of the transaction until it notices that the connection is gone. */
  async #wasCommitted({ writer, number }: { readonly writer: string; readonly number: number }): Promise<boolean> {
    const { idleInTransactionMs, lockMs } = this.#limits
    const deadline = performance.now() + idleInTransactionMs + lockMs
    for (;;) {
      try {
        return await this.#writer.use((connection) => wasLast(connection, writer, number))
      } catch (error) {
        if (this.#writer.isCut || performance.now() > deadline)
          throw unavailable('The connection to the metadata database broke, and nothing tells whether it made the change.', {
            cause: error,
          })
        await Bun.sleep(PAUSE_MS)
      }
    }
  }
}
