import { beginEpoch, joinEpoch, nextEpoch } from '../collecting/epoch.ts'
import type { OpenedDatabase } from '../processes.ts'
import { MIGRATIONS, type Migration, versionAfter } from '../sqlite/migrations.ts'
import type { PostgresLimits, PostgresPlace } from './connection.ts'
import type { ConnectionLostError } from './errors.ts'
import { LIMITS, PostgresMetadata } from './postgres.ts'
import { PostgresLocks } from './process-locks.ts'
import { prepareDatabase } from './set-up.ts'
import { forgetWriters } from './transaction.ts'

export interface OpenPostgresOptions {
  readonly place: PostgresPlace
  readonly limits?: Partial<PostgresLimits>
  /** The id of the storage, made there if it has none yet. Called while no other process starts. */
  readonly storeId: () => Promise<string>
  /** This process is taken for dead by the others: it must begin nothing more, and start anew. Called once. */
  readonly onLost: (error: ConnectionLostError) => void
  /** Other ones than ours, for tests. */
  readonly migrations?: readonly Migration[]
}

export interface OpenedPostgres extends OpenedDatabase {
  readonly locks: PostgresLocks
  /** Of the tables, made with them: all processes that use them are one database to others. */
  readonly databaseId: string
  abandon(): Promise<void>
}

/** Makes the tables where there are none, joins the epoch or begins one, and takes this process's lock (docs/orders-of-writing.md, Start). */
export async function openPostgres(options: OpenPostgresOptions): Promise<OpenedPostgres> {
  const limits = { ...LIMITS, ...options.limits }
  const metadata = new PostgresMetadata({ place: options.place, limits })
  const onLost = (error: ConnectionLostError) => {
    metadata.cut()
    options.onLost(error)
  }
  const locks = await PostgresLocks.open(options.place, limits, onLost)
  try {
    return await locks.whileStarting(() => open(options, limits, { locks, metadata }))
  } catch (error) {
    metadata.cut()
    locks.release()
    throw error
  }
}

async function open(
  { place, storeId, migrations = MIGRATIONS }: OpenPostgresOptions,
  limits: PostgresLimits,
  { locks, metadata }: Pick<OpenedPostgres, 'locks'> & { readonly metadata: PostgresMetadata },
): Promise<OpenedPostgres> {
  const version = versionAfter(migrations)
  const others = await locks.living()
  const living = others.map((other) => other.version)
  const { migratedFrom, databaseId } = await prepareDatabase(place, limits, { store: await storeId(), migrations, living })
  const beganEpoch = others.length === 0
  await locks.forgetDead()
  await metadata.write(forgetWriters)
  const epoch = beganEpoch ? await beginEpoch(metadata) : await joinEpoch(metadata)
  const processId = crypto.randomUUID()
  await locks.hold(processId, version)
  metadata.belongTo(processId)
  return { metadata, locks, processId, epoch, beganEpoch, migratedFrom, databaseId, abandon: () => abandon(metadata) }
}

/** Every process finds its row gone, this one as well. */
async function abandon(metadata: PostgresMetadata): Promise<void> {
  await metadata.write(async (query) => {
    await nextEpoch(query)
    await query.run('DELETE FROM process')
  })
}
