import { Database } from 'bun:sqlite'
import type { LogIndex } from './log-space.ts'

/** The write-ahead log is folded into the database when it has grown to this. */
const CHECKPOINT_ABOVE_BYTES = 4 * 1024 * 1024

/** True when a checkpoint of the database is due. */
export function needsCheckpoint(log: LogIndex): boolean {
  return log.bytesToFold() > CHECKPOINT_ABOVE_BYTES
}

/** Folds the log into the database. It syncs files: to be run in a thread of its own, never on the event loop. */
export function checkpoint(path: string): void {
  const database = new Database(path, { readwrite: true, strict: true })
  try {
    database.run('PRAGMA busy_timeout = 1000')
    // The long part lets others write; the short one that follows lets the log begin anew, in the space that it has.
    database.run('PRAGMA wal_checkpoint(PASSIVE)')
    database.run('PRAGMA wal_checkpoint(RESTART)')
  } finally {
    database.close()
  }
}
