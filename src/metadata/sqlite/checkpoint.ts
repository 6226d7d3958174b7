import { Database } from 'bun:sqlite'
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { KEPT_LOG_BYTES, type LogIndex } from './log-space.ts'

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
    waitsForOthers(database, PATIENCE_MS)
    keepRoom(database, path)
    // The long part lets others write; the short one that follows lets the log begin anew, in the space that it has. Others cannot write while it waits.
    database.run('PRAGMA wal_checkpoint(PASSIVE)')
    waitsForOthers(database, 1000)
    database.run('PRAGMA wal_checkpoint(RESTART)')
    waitsForOthers(database, PATIENCE_MS)
    beginLog(database)
  } finally {
    database.close()
  }
}

/** On a machine that is busy many transactions of others may come first. */
const PATIENCE_MS = 30_000

function waitsForOthers(database: Database, milliseconds: number): void {
  database.run(`PRAGMA busy_timeout = ${milliseconds}`)
}

/**
 * The first transaction after a checkpoint syncs the log, and cuts what it has too much: each takes as long as the disk wants, 200 ms on one
 * that is busy. Done here, it is done in this thread; writers meanwhile find the database busy, and their event loops go on.
 */
function beginLog(database: Database): void {
  database.run(`PRAGMA journal_size_limit = ${KEPT_LOG_BYTES}`)
  database.run("INSERT OR REPLACE INTO property (name, value) VALUES ('log begun', '')")
}

/** Free pages of the database, so that it does not grow, and the log can be folded in, when another program has filled the disk. */
const ROOM_BYTES = 1024 * 1024
/** With less on the disk none are made: they would have to be folded in themselves. */
const ROOMY_DISK_BYTES = 16 * ROOM_BYTES

/** Rows that come later take these pages first; when half of them are used up, there are new ones. */
function keepRoom(database: Database, path: string): void {
  const { bavail, bsize } = statfsSync(dirname(path))
  if (freeBytesIn(database) > ROOM_BYTES / 2 || bavail * bsize < ROOMY_DISK_BYTES) return
  database.run("INSERT OR REPLACE INTO property (name, value) VALUES ('room', zeroblob(?))", [ROOM_BYTES])
  database.run("DELETE FROM property WHERE name = 'room'")
}

function freeBytesIn(database: Database): number {
  const sql = 'SELECT f.freelist_count * s.page_size AS bytes FROM pragma_freelist_count() f, pragma_page_size() s'
  return database.query<{ bytes: number }, []>(sql).get()?.bytes ?? 0
}
