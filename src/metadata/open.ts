import { Database } from 'bun:sqlite'
import { existsSync, statSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { LifeLocks } from './life-lock.ts'
import { SCHEMA, SCHEMA_VERSION } from './schema.ts'
import { SqliteMetadata } from './sqlite.ts'

export interface OpenOptions {
  /** The database file. */
  readonly path: string
  /** Where the processes of this storage keep their locks. */
  readonly runDirectory: string
  /** The id of the storage, made there if it has none yet. Called while no other process starts. */
  readonly storeId: () => Promise<string>
}

/** The database as this process uses it, for its whole life. */
export interface OpenedMetadata {
  readonly metadata: SqliteMetadata
  readonly locks: LifeLocks
  readonly processId: string
  /** What rows must carry to be more than a hint. It stays the same while any process is alive. */
  readonly epoch: number
  /** True when no other process was alive: this one settles what the last run left. */
  readonly beganEpoch: boolean
  /** Why an old database was set aside, if one was. */
  readonly setAside: string | undefined
  /** Device and inode of the file that is open: another one at its path means that it was replaced. */
  readonly identity: string
}

/** Another living process works on this storage in a way that excludes us. The message says what to do. */
export class StorageInUseError extends Error {
  override readonly name = 'StorageInUseError'
}

/** Opens or makes the database, joins the epoch or begins one, and takes this process's lock (docs/orders-of-writing.md, Start). */
export async function openMetadata(options: OpenOptions): Promise<OpenedMetadata> {
  await mkdir(dirname(options.path), { recursive: true })
  const locks = await LifeLocks.open(options.runDirectory)
  return await locks.whileStarting(async () => {
    const store = await options.storeId()
    const others = await locks.living()
    const setAside = others.length > 0 ? undefined : await prepareFile(options.path, store)
    const identity = identityOf(options.path) ?? 'none'
    for (const other of others) refuseIfDifferent(other.database, `${identity} schema ${SCHEMA_VERSION}`)
    const metadata = new SqliteMetadata(options.path)
    const epoch = await joinOrBeginEpoch(metadata, others.length === 0)
    const processId = crypto.randomUUID()
    locks.hold(processId, { database: `${identity} schema ${SCHEMA_VERSION}` })
    return { metadata, locks, processId, epoch, beganEpoch: others.length === 0, setAside, identity }
  })
}

/** Device and inode of the file at a path, undefined when there is none. */
export function identityOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true })
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`
}

/** Makes sure that the file is our database for this store; says why when the one that was there had to go. */
async function prepareFile(path: string, store: string): Promise<string | undefined> {
  const objection = existsSync(path) ? objectionTo(path, store) : undefined
  if (objection !== undefined) await moveAside(path)
  if (!existsSync(path)) create(path, store)
  return objection
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

async function moveAside(path: string): Promise<void> {
  const aside = `${path}.set-aside-${Date.now()}`
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) await rename(path + suffix, aside + suffix)
  }
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

function refuseIfDifferent(theirs: string, ours: string): void {
  if (theirs === ours) return
  throw new StorageInUseError(
    'Another Berth is running on this storage with another metadata database or version; stop it first, or give both the same metadata.path.',
  )
}

async function joinOrBeginEpoch(metadata: SqliteMetadata, begins: boolean): Promise<number> {
  return await metadata.write(async (query) => {
    const row = await query.get<{ value: string }>("SELECT value FROM property WHERE name = 'epoch'")
    const epoch = Number(row?.value ?? 0)
    if (!begins) return epoch
    await query.run("UPDATE property SET value = ? WHERE name = 'epoch'", String(epoch + 1))
    await query.run('DELETE FROM scan')
    // Whether a condemned blob was still wanted is known again when this epoch's scan is complete.
    await query.run("UPDATE blob SET state = 'live', candidate_since_ms = ? WHERE state = 'condemned'", Date.now())
    return epoch + 1
  })
}
