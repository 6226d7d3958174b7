import { stat } from 'node:fs/promises'
import { type Closer, closeAll, endPresence, presenceOf } from '../composition/only-database.ts'
import { StartError } from '../composition/start-error.ts'
import type { Config } from '../config/config.ts'
import type { Query } from '../metadata/query.ts'
import type { Log } from '../observe/log.ts'
import type { Database } from '../opening/database.ts'
import { openDatabase } from '../opening/open-database.ts'
import { openStorage } from '../opening/open-storage.ts'
import type { OpenedStorage } from '../opening/opened-storage.ts'
import type { CollectorPolicy } from '../registry/collect/policy.ts'
import type { DatabasePresence } from '../registry/handover/database-presence.ts'
import { ensureStoreId } from '../registry/handover/store-id.ts'
import type { MirrorSources } from '../registry/mirror/mirrors.ts'
import { createRegistry, type Registry } from '../registry/registry.ts'
import { undefinedIfMissing } from '../runtime/error-code.ts'

/** The storage and the metadata of a server, for a command that works beside it or while none runs. */

const NO_PURGE = { enabled: false, ageMs: 0, intervalMs: 0, dryRun: false }

export interface Opened {
  readonly opened: OpenedStorage
  readonly database: Database
  readonly closers: Closer[]
}

/** Ends what was opened when the work is done. Throws StartError where there is nothing to open. */
export async function withDatabase<Result>(config: Config, log: Log, work: (opened: Opened) => Promise<Result>): Promise<Result> {
  await requireStorage(config)
  const closers: Closer[] = []
  try {
    const opened = await openStorage(config, log)
    closers.push(opened.cleanUp)
    const database = await openDatabase(config, opened, { storeId: () => ensureStoreId(opened.objects) })
    closers.push(database.close)
    return await work({ opened, database, closers })
  } finally {
    await closeAll(closers)
  }
}

export interface RegistryParts extends Opened {
  readonly config: Pick<Config, 'retention' | 'notifications'>
  /** Left out, nothing is fetched from other registries. */
  readonly mirrors?: MirrorSources | undefined
  readonly log: Log
  readonly onReplaced: (error: Error) => void
  readonly policy: CollectorPolicy
  readonly requireAllowed: ((query: Query) => Promise<void>) | undefined
}

/** What a server has, without its work in the background. `closers` end it. */
export async function openRegistry(parts: RegistryParts): Promise<Registry> {
  const { config, mirrors, opened, database, log, closers, policy, requireAllowed, onReplaced } = parts
  const { metadata, locks, processId, epoch } = database
  const onFailure = (error: unknown) => log.error('metadata checkpoint failed', { error })
  closers.push(database.watch({ onReplaced, onFailure }))
  const storage = await opened.driver(database)
  closers.push(() => storage.close())
  if (storage.capabilities.isReachedByOtherMachines) {
    const presence = await presenceOf({ opened, database, log, onReplaced })
    await beginAlone(presence)
    closers.push(async () => await endPresence(presence, database))
    opened.guard(() => database.isHeld() && presence.isFresh)
  }
  const collecting = { collector: policy, collectsOnce: { requireAllowed } }
  const registry = createRegistry({
    storage,
    metadata,
    liveness: locks,
    processId,
    epoch,
    lostForMs: database.lostForMs,
    uploadPurging: NO_PURGE,
    ...collecting,
    retention: config.retention,
    notifications: config.notifications,
    mirrors,
    log,
  })
  closers.push(() => registry.stop())
  return registry
}

/** Of a bucket: servers of other machines have databases of their own. */
async function beginAlone(presence: DatabasePresence): Promise<void> {
  if (!(await presence.isAlone())) {
    throw new StartError('Another machine serves this bucket; run the command there, or stop that server.')
  }
  await presence.begin()
}

async function requireStorage({ storage: { driver } }: Config): Promise<void> {
  if (driver.kind === 'inmemory')
    throw new StartError('A storage in memory belongs to the process that serves it; no command can reach it.')
  if (driver.kind === 'filesystem' && (await stat(driver.rootDirectory).catch(undefinedIfMissing)) === undefined)
    throw new StartError(`There is no storage at ${driver.rootDirectory}.`)
}
