import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { beginEpoch, joinEpoch } from '../collecting/epoch.ts'
import { type OpenedDatabase, StorageInUseError } from '../processes.ts'
import { identityOf, moveAside, prepareFile } from './database-file.ts'
import { LifeLocks } from './life-lock.ts'
import { MIGRATIONS, type Migration, versionAfter } from './migrations.ts'
import { isCorrupt, SqliteMetadata } from './sqlite.ts'

export interface OpenOptions {
  /** The database file. */
  readonly path: string
  /** The operator named it: what is there and is no database is not Berth's to move. */
  readonly isNamed?: boolean
  /** Where the processes of this storage keep their locks. */
  readonly runDirectory: string
  /** The id of the storage, made there if it has none yet. Called while no other process starts. */
  readonly storeId: () => Promise<string>
  /** How long to wait for processes whose database was replaced under them: they notice it within a second, and end. */
  readonly patienceMs?: number
  /** Other ones than ours, for tests. */
  readonly migrations?: readonly Migration[]
}

const PATIENCE_MS = 30_000
const PAUSE_MS = 100

/** A file on this machine. To abandon it is to move it aside: the next start begins with one that believes nothing. */
export interface OpenedMetadata extends OpenedDatabase {
  /** Why an old database was set aside, if one was. */
  readonly setAside: string | undefined
  /** Device and inode of the file that is open: another one at its path means that it was replaced. */
  readonly identity: string
  abandon(): void
}

/** Opens or makes the database, joins the epoch or begins one, and takes this process's lock (docs/orders-of-writing.md, Start). */
export async function openMetadata(options: OpenOptions): Promise<OpenedMetadata> {
  await mkdir(dirname(options.path), { recursive: true })
  const locks = await LifeLocks.open(options.runDirectory)
  const deadline = performance.now() + (options.patienceMs ?? PATIENCE_MS)
  let damage: string | undefined
  for (;;) {
    const isLate = performance.now() > deadline
    try {
      const opened = await locks.whileStarting(() => open(options, locks, isLate))
      if (opened !== undefined) return { ...opened, setAside: opened.setAside ?? damage }
    } catch (error) {
      if (isLate || !isCorrupt(error)) throw error
      damage = `it is damaged: ${error}`
    }
    await Bun.sleep(PAUSE_MS)
  }
}

/** Undefined when another process has yet to notice that the file at the path is not its own any more. */
async function open(
  { path, isNamed = false, storeId, migrations = MIGRATIONS }: OpenOptions,
  locks: LifeLocks,
  isLate: boolean,
): Promise<OpenedMetadata | undefined> {
  const store = await storeId()
  const version = versionAfter(migrations)
  const others = await locks.living()
  if (!isLate && others.some((other) => other.path === path && other.database !== databaseAt(path, version))) return undefined
  const begins = others.length === 0
  const prepared = begins
    ? prepareFile({ path, isOwnPlace: !isNamed }, store, migrations)
    : { setAside: undefined, migratedFrom: undefined }
  const facts = { database: databaseAt(path, version), path }
  if (others.some((other) => other.database !== facts.database)) throw otherDatabase()
  const metadata = openDatabase(path)
  try {
    const epoch = begins ? await beginEpoch(metadata) : await joinEpoch(metadata)
    const processId = crypto.randomUUID()
    locks.hold(processId, facts)
    const identity = identityOf(path) ?? 'none'
    const abandon = () => moveAsideIfStill(path, identity)
    return { metadata, locks, processId, epoch, beganEpoch: begins, ...prepared, identity, abandon }
  } catch (error) {
    await metadata.close()
    throw error
  }
}

/** What a process tells the others about its database: a process with another one, or with other tables, must not join it. */
function databaseAt(path: string, version: number): string {
  return `${identityOf(path) ?? 'none'} schema ${version}`
}

function otherDatabase(): StorageInUseError {
  return new StorageInUseError(
    'Another Berth is running on this storage with another metadata database or version; stop it first, or give both the same metadata.path.',
  )
}

/** One that turns out to be damaged is moved aside: each process notices that, as if it had been replaced, and starts anew. */
function openDatabase(path: string): SqliteMetadata {
  const identity = identityOf(path)
  return new SqliteMetadata(path, () => moveAsideIfStill(path, identity))
}

/** Another process may have done so, and there may be a new one. */
function moveAsideIfStill(path: string, identity: string | undefined): void {
  if (identityOf(path) === identity) moveAside(path)
}
