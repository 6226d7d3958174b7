import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { readFileSync, statSync } from 'node:fs'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { CommitWatch } from './commit-watch.ts'

let folder: TemporaryFolder
let path: string
let database: Database

beforeEach(() => {
  folder = new TemporaryFolder()
  path = folder.join('metadata.db')
  database = new Database(path, { create: true, strict: true })
  database.run('PRAGMA journal_mode = WAL')
  database.run('CREATE TABLE entry (name TEXT PRIMARY KEY)')
})
afterEach(() => {
  database.close()
  folder[Symbol.dispose]()
})

function insert(into: Database, name: string): void {
  into.run('INSERT INTO entry (name) VALUES (?)', [name])
}

test('the revision is the same while nothing is committed, whatever is read', () => {
  const watch = new CommitWatch(path)
  const before = watch.revision()

  database.query('SELECT * FROM entry').all()

  expect(watch.revision()).toBe(before)
})

test('each commit gives another revision, of the same connection, of another, and of another process', async () => {
  const watch = new CommitWatch(path)
  const other = new Database(path, { readwrite: true, strict: true })
  const revisions = [watch.revision()]

  insert(database, 'own')
  revisions.push(watch.revision())
  insert(other, 'other')
  revisions.push(watch.revision())
  const script = `new (require('bun:sqlite').Database)(process.argv[1]).run("INSERT INTO entry (name) VALUES ('process')")`
  expect(await Bun.spawn([process.execPath, '-e', script, path]).exited).toBe(0)
  revisions.push(watch.revision())
  database.run('DELETE FROM entry')
  revisions.push(watch.revision())
  other.close()

  expect(new Set(revisions).size).toBe(revisions.length)
})

test('a commit after the log was folded in and begun anew gives another revision', () => {
  const watch = new CommitWatch(path)
  const revisions = [1, 2, 3, 4].map((number) => {
    insert(database, `${number}`)
    const revision = watch.revision()
    database.run('PRAGMA wal_checkpoint(TRUNCATE)')
    return revision
  })

  expect(new Set(revisions).size).toBe(revisions.length)
})

test('where it cannot look, no revision is that of before', () => {
  const watch = new CommitWatch(folder.join('absent.db'))

  expect(watch.revision()).not.toBe(watch.revision())
})

test('looking takes no lock from SQLite', () => {
  database.query('SELECT * FROM entry').all()
  const before = locksOn(`${path}-shm`)

  new CommitWatch(path).revision()

  expect(before).not.toEqual([])
  expect(locksOn(`${path}-shm`)).toEqual(before)
})

/** The locks of this process on a file: what is locked, and how. */
function locksOn(file: string): readonly string[] {
  const inode = statSync(file).ino
  const lines = readFileSync('/proc/locks', 'utf8').split('\n')
  const own = lines.filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${inode} `))
  return own.map((line) => line.replace(/^\d+: /, '')).sort()
}
