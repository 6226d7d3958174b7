import { RegistryError } from '../oci/errors.ts'

/** What both databases can bind and give back. Booleans are 0 and 1; an absent value is null, never undefined. */
export type SqlValue = string | number | Uint8Array | null

/**
 * A statement, with `?` for each value. Both databases understand one text, but for what `postgres/dialect.ts` writes otherwise; where they do not, each
 * has its own, with the same values.
 */
export type Sql = string | SqlOfEach

export interface SqlOfEach {
  readonly sqlite: string
  readonly postgresql: string
  /** `askedTogether` */
  readonly isTogether?: true
}

/** A statement that gives one row at most, by values that are texts. What many requests ask by it at the same time is asked in one question, where it goes to a server. */
export function askedTogether(text: string): SqlOfEach {
  return { sqlite: text, postgresql: text, isTogether: true }
}

/** One statement at a time. Texts are constants: a text built from values would fill the cache. */
export interface Query {
  /** Inside a narrow transaction, which others may run beside (`Metadata.write`). */
  readonly isNarrow?: boolean
  all<Row>(sql: Sql, ...values: SqlValue[]): Promise<Row[]>
  get<Row>(sql: Sql, ...values: SqlValue[]): Promise<Row | undefined>
  run(sql: Sql, ...values: SqlValue[]): Promise<void>
}

/**
 * WHO OWNS WHAT. `read` sees what is committed, one statement at a time. `write` runs an operation in a transaction of its own and
 * resolves after the commit; the operation awaits nothing but its queries, and may run again when the database was busy.
 */
export interface Metadata {
  readonly read: Query
  /**
   * The same number as before only if nothing was committed between, by any process: what was read then still holds. A number at once
   * where the database is on this machine.
   */
  revision(): number | Promise<number>
  /** True where `revision` asks a server: to ask it first costs as much as what it might spare. */
  readonly isRemote?: boolean
  /**
   * `within`: the operation is a narrow one, which may run beside narrow ones of other names, and beside no other operation. It reads and changes rows of its
   * own name, a repository or an upload, and beyond it only what may be changed in either order (docs/orders-of-writing.md, With PostgreSQL).
   */
  write<Result>(operation: (query: Query) => Promise<Result>, within?: string): Promise<Result>
  /**
   * Reads the whole database into the memory of the machine, so that questions about many rows do not wait for the disk. Does nothing if this process
   * has done so within the last minute. Throws the reason of the signal, and what the disk says. Left out where a server keeps the database.
   */
  readonly warm?: ((signal: AbortSignal) => Promise<void>) | undefined
}

/** Thrown inside a narrow transaction: the operation runs again in one that no other runs beside. */
export class WholeNeeded extends Error {}

/** Called before what no other transaction may run beside. */
export function requireWhole(query: Query): void {
  if (query.isNarrow === true) throw new WholeNeeded('the operation needs a transaction that no other runs beside')
}

/** What a transaction writes into every row that it touches (docs/orders-of-writing.md, rule 5). */
export interface Stamp {
  /** The next number of the one counter: a row with a larger one was changed later. */
  readonly number: number
  /** The row was right for the storage in this epoch. */
  readonly epoch: number
}

/** In PostgreSQL a sequence: numbers come in the order in which they are drawn, whichever transaction is committed first. */
const NEXT_NUMBER: Sql = {
  sqlite: "UPDATE counter SET value = value + 1 WHERE name = 'number' RETURNING value",
  postgresql: "SELECT nextval('change_number') AS value",
}

/** Draws the next number. Called once in a transaction. */
export async function nextNumber(query: Query): Promise<number> {
  const row = await query.get<{ value: number }>(NEXT_NUMBER)
  if (row === undefined) throw new Error('the metadata database has no counter')
  return row.value
}

/** PostgreSQL reads it while no other transaction is under way: a transaction that has drawn a smaller number could be committed later. */
const CURRENT_NUMBER: Sql = {
  sqlite: "SELECT value FROM counter WHERE name = 'number'",
  postgresql: 'SELECT settled_number() AS value',
}

/**
 * The number drawn last: a row that differs from the storage and carries a larger number was written by a newer operation. All that carries one up to it
 * is committed, and seen by what is read from here on.
 */
export async function currentNumber(query: Query): Promise<number> {
  requireWhole(query)
  const row = await query.get<{ value: number }>(CURRENT_NUMBER)
  if (row === undefined) throw new Error('the metadata database has no counter')
  return row.value
}

/** The collector's clock, in a statement: when a row was touched (docs/collector.md, The clock). */
export const CLOCK_MS = "(SELECT value FROM counter WHERE name = 'clock-ms')"

/** Nothing can be written to the metadata database: its disk is full or read-only. What was read from it holds. */
export class MetadataNotWritableError extends RegistryError {
  constructor(cause: unknown) {
    super('UNAVAILABLE', {
      message:
        'The disk of the metadata database takes nothing, because it is full, read-only or broken: nothing can be pushed or deleted until that is mended; pulls go on.',
      retryAfterSeconds: 60,
      cause,
    })
  }
}
