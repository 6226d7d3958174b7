import { beginEpoch, joinEpoch } from '../collecting/epoch.ts'
import { type OwnedMetadata, type ProcessLocks, StorageInUseError } from '../processes.ts'
import { MIGRATIONS, type Migration, versionAfter } from '../sqlite/migrations.ts'
import type { PostgresLimits, PostgresPlace } from './connection.ts'
import type { ConnectionLostError } from './errors.ts'
import { LIMITS, PostgresMetadata } from './postgres.ts'
import { PostgresLocks } from './process-locks.ts'
import { prepareDatabase } from './set-up.ts'

export interface OpenPostgresOptions {
  readonly place: PostgresPlace
  readonly limits?: Partial<PostgresLimits>
  /** The id of the storage, made there if it has none yet. Called while no other process starts. */
  readonly storeId: () => Promise<string>
  /** The session that tells others that this process is alive has ended. */
  readonly onLost: (error: ConnectionLostError) => void
  /** Other ones than ours, for tests. */
  readonly migrations?: readonly Migration[]
}

/** The database as this process uses it, for its whole life. */
export interface OpenedPostgres {
  readonly metadata: OwnedMetadata
  readonly locks: ProcessLocks
  readonly processId: string
  readonly epoch: number
  /** True when no other process was alive: this one settles what the last run left. */
  readonly beganEpoch: boolean
  readonly migratedFrom: number | undefined
}

/** Makes the tables where there are none, joins the epoch or begins one, and takes this process's lock (docs/orders-of-writing.md, Start). */
export async function openPostgres(options: OpenPostgresOptions): Promise<OpenedPostgres> {
  const limits = { ...LIMITS, ...options.limits }
  const locks = await PostgresLocks.open(options.place, limits, options.onLost)
  try {
    return await locks.whileStarting(() => open(options, limits, locks))
  } catch (error) {
    locks.release()
    throw error
  }
}

async function open(
  { place, storeId, migrations = MIGRATIONS }: OpenPostgresOptions,
  limits: PostgresLimits,
  locks: PostgresLocks,
): Promise<OpenedPostgres> {
  const version = versionAfter(migrations)
  const others = await locks.living()
  if (others.some((other) => other.version !== version))
    throw new StorageInUseError(
      'Another version of Berth is running on this PostgreSQL; stop it first, or start this one when no other is left.',
    )
  const { migratedFrom } = await prepareDatabase(place, limits, { store: await storeId(), migrations })
  const metadata = new PostgresMetadata({ place, limits })
  try {
    const beganEpoch = others.length === 0
    await locks.forgetDead()
    const epoch = beganEpoch ? await beginEpoch(metadata) : await joinEpoch(metadata)
    const processId = crypto.randomUUID()
    await locks.hold(processId, version)
    return { metadata, locks, processId, epoch, beganEpoch, migratedFrom }
  } catch (error) {
    await metadata.close()
    throw error
  }
}
