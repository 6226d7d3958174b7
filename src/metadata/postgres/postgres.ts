import { unavailable } from '../../oci/errors.ts'
import type { OwnedMetadata } from '../processes.ts'
import type { Query } from '../query.ts'
import { PostgresConnection, type PostgresLimits, type PostgresPlace } from './connection.ts'
import { PostgresConnections } from './connections.ts'
import { PostgresStatements } from './dialect.ts'
import { ConnectionLostError, isRepeatable, told } from './errors.ts'
import { PostgresReading } from './reading.ts'
import { PostgresTransaction, wasLast } from './transaction.ts'

export interface PostgresOptions {
  readonly place: PostgresPlace
  readonly limits?: Partial<PostgresLimits>
  /** Beside the connection that writes. */
  readonly readers?: number
}

export const LIMITS: PostgresLimits = {
  connectMs: 5_000,
  statementMs: 30_000,
  lockMs: 10_000,
  transactionMs: 60_000,
  idleInTransactionMs: 5_000,
}
const READERS = 4
const PAUSE_MS = 100

type Tried<Result> =
  | { readonly state: 'committed'; readonly result: Result }
  /** The answer to the commit was lost. */
  | { readonly state: 'unknown'; readonly result: Result; readonly number: number }
  /** By the server or with the connection: the same once more may succeed. */
  | { readonly state: 'undone'; readonly cause: unknown }

/**
 * A database of PostgreSQL whose tables are there. Transactions of all processes run one after the other, as in SQLite: what one has read in it no other one
 * changes meanwhile (docs/decisions/0035-postgresql.md).
 */
export class PostgresMetadata implements OwnedMetadata {
  readonly read: Query
  readonly isRemote = true
  readonly #readers: PostgresConnections
  readonly #writer: PostgresConnections
  readonly #statements = new PostgresStatements()
  readonly #limits: PostgresLimits
  /** Tells the transactions of this object from those of others. */
  readonly #id = crypto.randomUUID()
  #number = 0
  #process: string | undefined

  /** Connects when it is asked for something. */
  constructor({ place, limits, readers = READERS }: PostgresOptions) {
    this.#limits = { ...LIMITS, ...limits }
    const open = () => PostgresConnection.open(place, this.#limits)
    this.#readers = new PostgresConnections(readers, this.#limits.lockMs, open)
    this.#writer = new PostgresConnections(1, this.#limits.lockMs, open)
    this.read = new PostgresReading(this.#readers, this.#statements)
  }

  /** From now on no transaction is begun once the others take this process for dead: it is a 503 then. */
  belongTo(process: string): void {
    this.#process = process
  }

  /** Ends what is under way and refuses what comes later, with a 503: this process counts as dead. */
  cut(): void {
    this.#readers.cut()
    this.#writer.cut()
  }

  /** How many transactions were committed: a question to the server, like any other. */
  async revision(): Promise<number> {
    const row = await this.read.get<{ value: number }>("SELECT value FROM counter WHERE name = 'commits'")
    if (row === undefined) throw new Error('the metadata database has no counter')
    return row.value
  }

  /** Throws a 503 when the server cannot be reached or is busy, and when nothing tells whether it made the change. */
  async write<Result>(operation: (query: Query) => Promise<Result>): Promise<Result> {
    const deadline = performance.now() + this.#limits.transactionMs
    try {
      for (;;) {
        const tried = await this.#writer.use((connection) => this.#try(connection, operation))
        if (tried.state === 'committed') return tried.result
        if (tried.state === 'unknown' && (await this.#wasCommitted(tried.number))) return tried.result
        if (tried.state === 'undone' && (this.#writer.isCut || performance.now() > deadline)) throw tried.cause
        await Bun.sleep(Math.random() * PAUSE_MS)
      }
    } catch (error) {
      throw told(error)
    }
  }

  /** Waits for the transaction under way. */
  async close(): Promise<void> {
    await Promise.all([this.#readers.close(), this.#writer.close()])
  }

  async #try<Result>(connection: PostgresConnection, operation: (query: Query) => Promise<Result>): Promise<Tried<Result>> {
    const transaction = new PostgresTransaction(connection, this.#statements)
    const timer = setTimeout(() => void connection.close(), this.#limits.transactionMs)
    try {
      return await this.#tryIn(transaction, operation)
    } finally {
      clearTimeout(timer)
    }
  }

  async #tryIn<Result>(transaction: PostgresTransaction, operation: (query: Query) => Promise<Result>): Promise<Tried<Result>> {
    const number = ++this.#number
    let result: Result
    try {
      transaction.begin(this.#id, number, this.#process)
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
      if (error instanceof ConnectionLostError) return { state: 'unknown', result, number }
      await transaction.rollBack()
      if (isRepeatable(error)) return { state: 'undone', cause: error }
      throw error
    }
  }

  /** Asks until the server is there again. It may hold the lock of the transaction until it notices that the connection is gone. */
  async #wasCommitted(number: number): Promise<boolean> {
    const { idleInTransactionMs, lockMs } = this.#limits
    const deadline = performance.now() + idleInTransactionMs + lockMs
    for (;;) {
      try {
        return await this.#writer.use((connection) => wasLast(connection, this.#id, number))
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
