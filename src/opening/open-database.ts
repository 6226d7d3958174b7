import type { Config } from '../config/config.ts'
import { MetadataKeeper } from '../metadata/sqlite/keeper.ts'
import { openMetadata } from '../metadata/sqlite/open.ts'
import type { Database } from './database.ts'
import { ensureStateId } from './local-state.ts'
import type { OpenedStorage } from './opened-storage.ts'

export interface DatabaseOptions {
  /** The id of the storage, made there if it has none yet. Called while no other process starts. */
  readonly storeId: () => Promise<string>
  /** The file is in no place that the operator has named. */
  readonly isTemporary?: boolean
}

/** In words for people. */
export function placeOfDatabase({ metadata: { postgres } }: Pick<Config, 'metadata'>, { metadataPath }: OpenedStorage): string {
  if (postgres === undefined) return metadataPath
  const { host, port, database, schema } = postgres
  return `PostgreSQL at ${host}:${port}, database ${database}, schema ${schema}`
}

/** Opens or makes the metadata database that belongs to a storage. Throws what an open reports. */
export async function openDatabase(
  config: Pick<Config, 'metadata'>,
  opened: OpenedStorage,
  { storeId, isTemporary = false }: DatabaseOptions,
): Promise<Database> {
  const { metadata } = config
  const place = placeOfDatabase(config, opened)
  if (metadata.postgres !== undefined) {
    // Loaded only where it is used.
    const { openInPostgres } = await import('./open-postgres.ts')
    return { ...(await openInPostgres(metadata.postgres, storeId)), place }
  }
  const { metadataPath: path, runDirectory } = opened
  const database = await openMetadata({ path, isNamed: !isTemporary && metadata.path !== undefined, runDirectory, storeId })
  return {
    ...database,
    place,
    id: () => ensureStateId(runDirectory),
    isHeld: () => true,
    isLost: () => false,
    lostForMs: 0,
    watch: (watched) => {
      const keeper = new MetadataKeeper({ path, opened: database, ...watched })
      return () => keeper.stop()
    },
    close: async () => {
      await database.metadata.close()
      database.locks.release(database.processId)
    },
  }
}
