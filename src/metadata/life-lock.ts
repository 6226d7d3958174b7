import { Database } from 'bun:sqlite'
import { existsSync, rmSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isBusy } from './sqlite.ts'

/** What a living process tells the others: the database that it uses. */
export interface ProcessFacts {
  /** Device and inode of the database file, and the schema that it has. */
  readonly database: string
}

export interface LivingProcess extends ProcessFacts {
  readonly id: string
}

const LOCK_SUFFIX = '.lock'
const START_LOCK = 'start'
const START_PATIENCE_MS = 30_000

/**
 * Who is alive (docs/orders-of-writing.md, rule 1): every process holds a read transaction on a small SQLite file of its own, an OS lock that ends
 * with the process however it ends. Whoever can take that lock exclusively knows that the owner is dead.
 */
export class LifeLocks {
  readonly #directory: string
  readonly #mine = new Map<string, Database>()

  private constructor(directory: string) {
    this.#directory = directory
  }

  static async open(directory: string): Promise<LifeLocks> {
    await mkdir(directory, { recursive: true })
    return new LifeLocks(directory)
  }

  /** Runs a task while no other process starts here. Throws when another start takes too long. */
  async whileStarting<Result>(task: () => Promise<Result>): Promise<Result> {
    const lock = openLockFile(this.#path(START_LOCK))
    try {
      await beginExclusive(lock)
      return await task()
    } finally {
      lock.close()
    }
  }

  /** Takes the lock of this process. Called under the start lock, before the process shows up in the database. */
  hold(id: string, facts: ProcessFacts): void {
    const lock = openLockFile(this.#path(id))
    lock.run('CREATE TABLE IF NOT EXISTS facts (database TEXT NOT NULL)')
    lock.run('INSERT INTO facts (database) VALUES (?)', [facts.database])
    lock.run('BEGIN')
    lock.query('SELECT database FROM facts').get()
    this.#mine.set(id, lock)
  }

  isAlive(id: string): boolean {
    return this.#mine.has(id) || !this.#takeOver(id)
  }

  /** The other processes that are alive on this storage. */
  async living(): Promise<LivingProcess[]> {
    const files = (await readdir(this.#directory)).filter((name) => name.endsWith(LOCK_SUFFIX))
    const ids = files.map((name) => name.slice(0, -LOCK_SUFFIX.length)).filter((id) => id !== START_LOCK)
    return ids.filter((id) => this.isAlive(id)).map((id) => ({ id, database: this.#factsOf(id) }))
  }

  /** Lets go: from here on this process counts as dead. */
  release(id: string): void {
    this.#mine.get(id)?.close()
    this.#mine.delete(id)
    rmSync(this.#path(id), { force: true })
  }

  /** True when the owner is dead; its file is removed. */
  #takeOver(id: string): boolean {
    if (!existsSync(this.#path(id))) return true
    const lock = openLockFile(this.#path(id))
    try {
      lock.run('BEGIN EXCLUSIVE')
      rmSync(this.#path(id), { force: true })
      return true
    } catch (error) {
      if (isBusy(error)) return false
      throw error
    } finally {
      lock.close()
    }
  }

  #factsOf(id: string): string {
    const lock = openLockFile(this.#path(id))
    try {
      return lock.query<{ database: string }, []>('SELECT database FROM facts').get()?.database ?? ''
    } finally {
      lock.close()
    }
  }

  #path(id: string): string {
    return join(this.#directory, `${id}${LOCK_SUFFIX}`)
  }
}

function openLockFile(path: string): Database {
  const database = new Database(path, { readwrite: true, create: true, strict: true })
  database.run('PRAGMA busy_timeout = 0')
  return database
}

async function beginExclusive(lock: Database): Promise<void> {
  const deadline = performance.now() + START_PATIENCE_MS
  for (;;) {
    try {
      lock.run('BEGIN EXCLUSIVE')
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error
      await Bun.sleep(5 + Math.random() * 20)
    }
  }
}
