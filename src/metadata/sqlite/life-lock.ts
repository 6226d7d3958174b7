import { Database } from 'bun:sqlite'
import { existsSync, rmSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProcessLocks } from '../processes.ts'
import { openLockFile, whileLocked } from './exclusive-lock.ts'
import { isBusy } from './sqlite.ts'

/** What a living process tells the others: the database that it uses. */
export interface ProcessFacts {
  /** Device and inode of the database file, and the schema that it has. */
  readonly database: string
  /** Where it opened that file. */
  readonly path: string
}

export interface LivingProcess extends ProcessFacts {
  readonly id: string
}

const LOCK_SUFFIX = '.lock'
/** A database that nothing refers to is collected, and its lock with it. These are held for the life of the process. */
const heldByProcess = new Set<Database>()
const START_LOCK = 'start'
const TRY_AGAIN_MS = 5
const MOST_TRIES = 200

/**
 * Which processes are alive (docs/orders-of-writing.md, rule 1): each one holds a read transaction on a small SQLite file of its own, an OS lock that ends
 * with the process however it ends. A process that can take that lock exclusively knows that the owner is dead.
 */
export class LifeLocks implements ProcessLocks {
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
    return await whileLocked(this.#path(START_LOCK), task)
  }

  /** Takes the lock of this process. Called under the start lock, before the process shows up in the database. */
  hold(id: string, facts: ProcessFacts): void {
    const lock = openLockFile(this.#path(id))
    lock.run('CREATE TABLE IF NOT EXISTS facts (database TEXT NOT NULL, path TEXT NOT NULL)')
    lock.run('INSERT INTO facts (database, path) VALUES (?, ?)', [facts.database, facts.path])
    lock.run('BEGIN')
    lock.query('SELECT database FROM facts').get()
    this.#mine.set(id, lock)
    heldByProcess.add(lock)
  }

  async isAlive(id: string): Promise<boolean> {
    return this.#mine.has(id) || !this.#takeOver(id)
  }

  /** The other processes that are alive on this storage. */
  async living(): Promise<LivingProcess[]> {
    const files = (await readdir(this.#directory)).filter((name) => name.endsWith(LOCK_SUFFIX))
    const ids = files.map((name) => name.slice(0, -LOCK_SUFFIX.length)).filter((id) => id !== START_LOCK)
    return (await Promise.all(ids.map((id) => this.#findLiving(id)))).filter((process) => process !== undefined)
  }

  /** Lets go: from here on this process counts as dead. */
  release(id: string): void {
    const lock = this.#mine.get(id)
    if (lock !== undefined) {
      lock.close()
      heldByProcess.delete(lock)
    }
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

  /** A lock that looks taken may be that of a dead process which another one is finding out about: then its file goes at once. */
  async #findLiving(id: string): Promise<LivingProcess | undefined> {
    for (let tries = 1; await this.isAlive(id); tries += 1) {
      try {
        return { id, ...this.#factsOf(id) }
      } catch (error) {
        if (existsSync(this.#path(id)) && (!isBusy(error) || tries === MOST_TRIES)) throw error
      }
      await Bun.sleep(TRY_AGAIN_MS)
    }
    return undefined
  }

  #factsOf(id: string): ProcessFacts {
    const lock = new Database(this.#path(id), { readwrite: true, strict: true })
    try {
      return lock.query<ProcessFacts, []>('SELECT database, path FROM facts').get() ?? { database: '', path: '' }
    } finally {
      lock.close()
    }
  }

  #path(id: string): string {
    return join(this.#directory, `${id}${LOCK_SUFFIX}`)
  }
}
