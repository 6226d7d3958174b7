import { Database } from 'bun:sqlite'

/** The write-ahead log is folded into the database when it has grown to this. */
const CHECKPOINT_ABOVE_BYTES = 4 * 1024 * 1024

/** True when a checkpoint of the database at this path is due. */
export function needsCheckpoint(path: string): boolean {
  return Bun.file(`${path}-wal`).size > CHECKPOINT_ABOVE_BYTES
}

/** Folds the log into the database. It syncs files: to be run in a thread of its own, never on the event loop. */
export function checkpoint(path: string): void {
  const database = new Database(path, { readwrite: true, strict: true })
  try {
    database.run('PRAGMA busy_timeout = 1000')
    // The long part lets others write; the short one that follows empties the log.
    database.run('PRAGMA wal_checkpoint(PASSIVE)')
    database.run('PRAGMA wal_checkpoint(TRUNCATE)')
  } finally {
    database.close()
  }
}
