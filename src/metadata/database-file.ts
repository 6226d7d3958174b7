import { Database } from 'bun:sqlite'
import { existsSync, renameSync, statSync } from 'node:fs'
import { SCHEMA, SCHEMA_VERSION } from './schema.ts'

/** Device and inode of the file at a path, undefined when there is none. */
export function identityOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true })
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`
}

/** Makes sure that a database of ours for this store is at the path. Says why the one that was there had to go, if it had to. */
export function prepareFile(path: string, store: string): string | undefined {
  const objection = existsSync(path) ? objectionTo(path, store) : undefined
  if (objection !== undefined) moveAside(path)
  if (!existsSync(path)) create(path, store)
  return objection
}

/** Nobody finds it at its path any more; whoever has it open may go on with it until the replacement is noticed. */
export function moveAside(path: string): void {
  const aside = `${path}.set-aside-${Date.now()}`
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  }
}

function objectionTo(path: string, store: string): string | undefined {
  let database: Database | undefined
  try {
    const uncleanStop = existsSync(`${path}-wal`)
    database = new Database(path, { readwrite: true, strict: true })
    const rows = database.query<{ name: string; value: string }, []>('SELECT name, value FROM property').all()
    const property = new Map(rows.map((row) => [row.name, row.value]))
    if (property.get('schema') !== String(SCHEMA_VERSION)) return `it has schema ${property.get('schema')}, not ${SCHEMA_VERSION}`
    if (property.get('store') !== store) return 'it belongs to another storage'
    if (property.get('inode') !== identityOf(path)) return 'it was copied here from elsewhere'
    return uncleanStop ? damageOf(database) : undefined
  } catch (error) {
    return error instanceof Error ? `it does not open: ${error.message}` : 'it does not open'
  } finally {
    database?.close()
  }
}

/** After an unclean stop the log may belong to another file than the one that lies here now. */
function damageOf(database: Database): string | undefined {
  const result = database.query<{ quick_check: string }, []>('PRAGMA quick_check(1)').get()
  return result?.quick_check === 'ok' ? undefined : `it is damaged: ${result?.quick_check}`
}

/** WAL mode is set before a second process can open the file: two that switch at once both fail. */
function create(path: string, store: string): void {
  const database = new Database(path, { readwrite: true, create: true, strict: true })
  try {
    database.run('PRAGMA journal_mode = WAL')
    database.run('PRAGMA synchronous = NORMAL')
    const setUp = database.transaction(() => {
      for (const statement of SCHEMA) database.run(statement)
      const property = database.query('INSERT INTO property (name, value) VALUES (?, ?)')
      property.run('schema', String(SCHEMA_VERSION))
      property.run('store', store)
      property.run('inode', identityOf(path) ?? '')
      property.run('epoch', '0')
    })
    setUp.immediate()
  } finally {
    database.close()
  }
}
