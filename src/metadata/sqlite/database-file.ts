import { Database } from 'bun:sqlite'
import { closeSync, existsSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import { canMigrate, MIGRATIONS, type Migration, migrate, sqliteTexts, versionAfter } from './migrations.ts'
import { BASE_TABLES, BASE_VERSION } from './schema.ts'
import { codeOf, isCorrupt } from './sqlite.ts'

/** What was done so that a database of ours is at the path. */
export interface PreparedFile {
  /** Why the database that was there had to go, if it had to. */
  readonly setAside: string | undefined
  /** The version that it had, if it was migrated. */
  readonly migratedFrom: number | undefined
}

/** What is at the path of the metadata database is not Berth's. The message says what to do. */
export class ForeignDatabaseError extends Error {
  override readonly name = 'ForeignDatabaseError'
}

/** Device and inode of the file at a path, undefined when there is none. */
export function identityOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true })
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`
}

/**
 * Makes sure that a database of ours for this store, with the present tables, is at the path. Called while no other process uses it.
 * Throws ForeignDatabaseError for what another program made, which is not ours to move, and what SQLite reports when there is no room or
 * no right to open or migrate it; the database is then as it was. `isOwnPlace`: at this path lies only what Berth made, however damaged.
 */
export function prepareFile(
  { path, isOwnPlace }: { readonly path: string; readonly isOwnPlace: boolean },
  store: string,
  migrations = MIGRATIONS,
): PreparedFile {
  requireFile(path)
  if (!isOwnPlace) requireDatabase(path)
  if (isEmpty(path)) {
    create(path, store, migrations)
    return NOTHING_DONE
  }
  const found = keepFile(path, store, migrations)
  if (found.setAside === undefined) return found
  moveAside(path)
  create(path, store, migrations)
  return found
}

function requireFile(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined || stat.isFile()) return
  const reason = stat.isDirectory() ? `a folder; set metadata.path to a file in it, as in ${path}/metadata.db` : 'no file'
  throw new ForeignDatabaseError(`${path} is ${reason}.`)
}

const DATABASE_HEADER = 'SQLite format 3\0'

/** Where the operator keeps other things, a file that does not begin as a database is not taken for a damaged one of ours. */
function requireDatabase(path: string): void {
  if (isEmpty(path)) return
  const head = new Uint8Array(DATABASE_HEADER.length)
  const file = openSync(path, 'r')
  try {
    readSync(file, head, 0, head.length, 0)
  } finally {
    closeSync(file)
  }
  if (new TextDecoder().decode(head) === DATABASE_HEADER) return
  throw new ForeignDatabaseError(
    `${path} is no database, and stays as it is; set metadata.path to another file, or remove this one if it was Berth's.`,
  )
}

/** Nothing is there, or a file that was made without anything in it. */
function isEmpty(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat === undefined || (stat.size === 0 && !existsSync(`${path}-wal`))
}

const NOTHING_DONE: PreparedFile = { setAside: undefined, migratedFrom: undefined }

function keepFile(path: string, store: string, migrations: readonly Migration[]): PreparedFile {
  const objection = objectionTo(path, store, migrations)
  return objection === undefined ? migrateFile(path, migrations) : { setAside: objection, migratedFrom: undefined }
}

function migrateFile(path: string, migrations: readonly Migration[]): PreparedFile {
  const database = new Database(path, { readwrite: true, strict: true })
  try {
    const version = Number(propertiesOf(database).get('schema'))
    if (version === versionAfter(migrations)) return NOTHING_DONE
    migrate(database, version, migrations)
    return { setAside: undefined, migratedFrom: version }
  } catch (error) {
    if (!isBroken(error)) throw error
    return { setAside: `it cannot be migrated: ${error}`, migratedFrom: undefined }
  } finally {
    database.close()
  }
}

/** Its pages are damaged, or it has not the tables and rows that its version has. */
function isBroken(error: unknown): boolean {
  return isCorrupt(error) || codeOf(error) === 'SQLITE_ERROR' || codeOf(error).startsWith('SQLITE_CONSTRAINT')
}

/** The file is no longer found at its path. A process that has it open may go on with it until it notices the replacement. */
export function moveAside(path: string): void {
  const aside = `${path}.set-aside-${Date.now()}`
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  }
}

function objectionTo(path: string, store: string, migrations: readonly Migration[]): string | undefined {
  let database: Database | undefined
  try {
    const uncleanStop = existsSync(`${path}-wal`)
    database = new Database(path, { readwrite: true, strict: true })
    if (isForeign(database))
      throw new ForeignDatabaseError(`${path} is a database of another program; set metadata.path to another file.`)
    const property = propertiesOf(database)
    const schema = property.get('schema')
    if (!canMigrate(Number(schema), migrations))
      return `it has schema ${schema}, not ${BASE_VERSION} to ${versionAfter(migrations)}`
    if (property.get('store') !== store) return 'it belongs to another storage'
    if (property.get('inode') !== identityOf(path)) return 'it was copied here from elsewhere'
    return uncleanStop ? damageOf(database) : undefined
  } catch (error) {
    // A full disk or a missing right says nothing about the database.
    if (!isBroken(error)) throw error
    return `it does not open: ${error instanceof Error ? error.message : error}`
  } finally {
    database?.close()
  }
}

function propertiesOf(database: Database): ReadonlyMap<string, string> {
  const rows = database.query<{ name: string; value: string }, []>('SELECT name, value FROM property').all()
  return new Map(rows.map((row) => [row.name, row.value]))
}

/** It has tables, and not the one that each of ours has. */
function isForeign(database: Database): boolean {
  const tables = database.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  return tables.length > 0 && !tables.some(({ name }) => name === 'property')
}

/** After an unclean stop the log may belong to another file than the one that lies here now. */
function damageOf(database: Database): string | undefined {
  const result = database.query<{ quick_check: string }, []>('PRAGMA quick_check(1)').get()
  return result?.quick_check === 'ok' ? undefined : `it is damaged: ${result?.quick_check}`
}

/** WAL mode is set before a second process can open the file: two that switch at once both fail. */
function create(path: string, store: string, migrations: readonly Migration[]): void {
  const database = new Database(path, { readwrite: true, create: true, strict: true })
  try {
    database.run('PRAGMA journal_mode = WAL')
    database.run('PRAGMA synchronous = NORMAL')
    const setUp = database.transaction(() => {
      for (const statement of BASE_TABLES) database.run(statement)
      for (const { statements } of migrations) for (const statement of sqliteTexts(statements)) database.run(statement)
      const property = database.query('INSERT INTO property (name, value) VALUES (?, ?)')
      property.run('schema', String(versionAfter(migrations)))
      property.run('store', store)
      property.run('inode', identityOf(path) ?? '')
      property.run('epoch', '0')
    })
    setUp.immediate()
  } finally {
    database.close()
  }
}
