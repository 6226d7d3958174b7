import { Database } from 'bun:sqlite'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { undefinedIfMissing } from '../../runtime/error-code.ts'
import { isBusy } from './sqlite.ts'

const PATIENCE_MS = 30_000

/**
 * Runs a task while no other process runs one under the same file: an OS lock on a small SQLite file, which ends with the process however
 * it ends. Throws when others take too long.
 */
export async function whileLocked<Result>(path: string, task: () => Promise<Result>): Promise<Result> {
  await mkdir(dirname(path), { recursive: true })
  const lock = openLockFile(path)
  try {
    await beginExclusive(lock)
    return await task()
  } finally {
    lock.close()
  }
}

/** Runs tasks that change accounts or keys, one at a time, whichever process of the storage runs them. */
export function exclusivelyIn(runDirectory: string): <Result>(task: () => Promise<Result>) => Promise<Result> {
  return async (task) =>
    await whileLocked(join(runDirectory, 'accounts'), async () => {
      try {
        return await task()
      } finally {
        await writeFile(join(runDirectory, CHANGED), 'x'.repeat(1 + Math.floor(Math.random() * MOST_LENGTHS)))
      }
    })
}

/** Another text after each such task, for one stat of a local file: where the storage itself is far away. */
export function lastChangeIn(runDirectory: string): () => Promise<string> {
  return async () => {
    const entry = await stat(join(runDirectory, CHANGED)).catch(undefinedIfMissing)
    return entry === undefined ? 'none' : `${entry.size} ${entry.mtimeMs}`
  }
}

const CHANGED = 'accounts-changed'
/** Of the file: two changes may fall into one tick of the clock. */
const MOST_LENGTHS = 4096

export function openLockFile(path: string): Database {
  const database = new Database(path, { readwrite: true, create: true, strict: true })
  database.run('PRAGMA busy_timeout = 0')
  return database
}

async function beginExclusive(lock: Database): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
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
