import { Database, type Statement } from 'bun:sqlite'
import { unavailable } from '../../oci/errors.ts'
import type { OwnedMetadata } from '../processes.ts'
import { MetadataNotWritableError, type Query, type Sql, type SqlValue } from '../query.ts'
import { CommitWatch } from './commit-watch.ts'
import { isNotWritable } from './not-writable.ts'
import { PageMemory } from './page-memory.ts'
import { WarmFile } from './warm-file.ts'

/** Writes that wait together share a transaction this long at most; each keeps a savepoint of its own. */
const SHARED_TRANSACTION_MS = 5
/** SQLite's own waiting would block every request of the process: we wait between tries instead, this long in all. */
const BUSY_PATIENCE_MS = 10_000
const CACHE_KIB = 4 * 1024

interface Waiting {
  readonly run: (query: Query) => Promise<() => void>
  readonly fail: (error: unknown) => void
}

/** One database file: a connection that writes, behind a queue, and one that reads. `:memory:` cannot be shared by the two. */
export class SqliteMetadata implements OwnedMetadata {
  readonly read: SqliteQuery
  readonly #writer: Database
  readonly #write: SqliteQuery
  readonly #commits: CommitWatch
  readonly #file: WarmFile
  readonly #pages: PageMemory
  readonly #onDamage: () => void
  readonly #queue: Waiting[] = []
  #draining: Promise<void> | undefined

  /** Opens a file whose tables are there, in WAL mode. `onDamage` is called when SQLite finds it damaged. Throws what SQLite reports. */
  constructor(path: string, onDamage: () => void = () => undefined) {
    this.#onDamage = onDamage
    this.#writer = openConnection(path)
    const reader = openConnection(path)
    reader.run('PRAGMA query_only = 1')
    // A reader waits only while another process recovers the log of one that died.
    reader.run('PRAGMA busy_timeout = 500')
    this.#pages = new PageMemory(() => [this.#writer, reader].forEach(giveBackPages))
    const facts = { pages: this.#pages, onDamage }
    this.#write = new SqliteQuery(this.#writer, facts)
    this.read = new SqliteQuery(reader, facts)
    this.#commits = new CommitWatch(path)
    this.#file = new WarmFile(path)
  }

  revision(): number {
    return this.#commits.revision()
  }

  readonly warm = async (signal: AbortSignal): Promise<void> => await this.#file.warm(signal)

  async write<Result>(operation: (query: Query) => Promise<Result>): Promise<Result> {
    return await new Promise<Result>((resolve, reject) => {
      const run = async (query: Query) => {
        const result = await operation(query)
        return () => resolve(result)
      }
      this.#queue.push({ run, fail: reject })
      this.#draining ??= this.#drain()
    })
  }

  /** Waits for the writes under way. Later calls fail. */
  async close(): Promise<void> {
    await this.#draining
    this.#pages.stop()
    this.read.close()
    this.#write.close()
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      // One turn of the event loop gathers the writes of all requests that are ready now, and lets others be served between two transactions.
      await new Promise((resolve) => setImmediate(resolve))
      try {
        await this.#begin()
      } catch (error) {
        for (const waiting of this.#queue.splice(0)) waiting.fail(told(error))
        break
      }
      await this.#runTransaction()
    }
    this.#draining = undefined
  }

  async #begin(): Promise<void> {
    const deadline = performance.now() + BUSY_PATIENCE_MS
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#write.control('BEGIN IMMEDIATE')
        return
      } catch (error) {
        if (isCorrupt(error)) this.#onDamage()
        if (!isBusy(error)) throw error
        if (performance.now() > deadline)
          throw unavailable('The metadata database is busy; try again in a moment.', { cause: error })
        await Bun.sleep(Math.random() * Math.min(2 ** attempt, 16))
      }
    }
  }

  /** Nothing here waits for anything but SQLite, which answers at once: no other request runs inside the transaction. */
  async #runTransaction(): Promise<void> {
    const started = performance.now()
    const done: { readonly succeed: () => void; readonly fail: (error: unknown) => void }[] = []
    do {
      const waiting = this.#queue.shift()
      if (waiting === undefined) break
      const succeed = await this.#runSavepoint(waiting)
      if (succeed !== undefined) done.push({ succeed, fail: waiting.fail })
      // Rolled back as a whole: a savepoint would now commit by itself what the commit below then reports as failed.
    } while (this.#writer.inTransaction && performance.now() - started < SHARED_TRANSACTION_MS)
    try {
      this.#write.control('COMMIT')
    } catch (error) {
      if (isCorrupt(error)) this.#onDamage()
      if (this.#writer.inTransaction) this.#writer.run('ROLLBACK')
      for (const { fail } of done) fail(told(error))
      return
    }
    for (const { succeed } of done) succeed()
  }

  async #runSavepoint({ run, fail }: Waiting): Promise<(() => void) | undefined> {
    try {
      this.#write.control('SAVEPOINT operation')
      const succeed = await run(this.#write)
      this.#write.control('RELEASE operation')
      return succeed
    } catch (error) {
      // A full disk rolls the whole transaction back by itself; then there is nothing to roll back to.
      if (this.#writer.inTransaction) {
        this.#writer.run('ROLLBACK TO operation')
        this.#writer.run('RELEASE operation')
      }
      fail(told(error))
      return undefined
    }
  }
}

interface QueryFacts {
  /** Told of each statement. */
  readonly pages: PageMemory
  readonly onDamage: () => void
}

class SqliteQuery implements Query {
  readonly #database: Database
  readonly #facts: QueryFacts
  readonly #statements = new Map<string, Statement>()

  constructor(database: Database, facts: QueryFacts) {
    this.#database = database
    this.#facts = facts
  }

  async all<Row>(sql: Sql, ...values: SqlValue[]): Promise<Row[]> {
    return this.#with(sql, (statement) => statement.all(...values)) as Row[]
  }

  async get<Row>(sql: Sql, ...values: SqlValue[]): Promise<Row | undefined> {
    return (this.#with(sql, (statement) => statement.get(...values)) ?? undefined) as Row | undefined
  }

  async run(sql: Sql, ...values: SqlValue[]): Promise<void> {
    this.#with(sql, (statement) => statement.run(...values))
  }

  /** Begins or ends something: as it is, kept prepared. Parsed anew, the four of one write took a tenth of its time. */
  control(sql: string): void {
    this.#statement(sql).run()
  }

  /** Statements that are still prepared would keep the connection open behind its back, and work on. */
  close(): void {
    for (const statement of this.#statements.values()) statement.finalize()
    this.#statements.clear()
    this.#database.close()
  }

  #with(sql: Sql, use: (statement: Statement) => unknown): unknown {
    this.#facts.pages.countStatement()
    try {
      return use(this.#statement(typeof sql === 'string' ? sql : sql.sqlite))
    } catch (error) {
      if (isCorrupt(error)) this.#facts.onDamage()
      throw error
    }
  }

  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

/** Bun's defaults are not ours: no foreign keys, no waiting, and every pragma set for each connection. */
function openConnection(path: string): Database {
  const database = new Database(path, { readwrite: true, strict: true })
  database.run('PRAGMA busy_timeout = 0')
  database.run('PRAGMA synchronous = NORMAL')
  database.run('PRAGMA wal_autocheckpoint = 0')
  database.run(`PRAGMA cache_size = -${CACHE_KIB}`)
  database.run('PRAGMA temp_store = MEMORY')
  return database
}

function giveBackPages(database: Database): void {
  database.run('PRAGMA shrink_memory')
}

/** A disk that takes nothing is a refusal that ends when it takes something again, and no failure of ours. */
function told(error: unknown): unknown {
  return isNotWritable(codeOf(error)) ? new MetadataNotWritableError(error) : error
}

export function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_BUSY')
}

export function isCorrupt(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_CORRUPT') || codeOf(error) === 'SQLITE_NOTADB'
}

/** SQLite's name for what went wrong; empty when something else did. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
