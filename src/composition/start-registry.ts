import { stat } from 'node:fs/promises'
import type { Config } from '../config/config.ts'
import type { Metadata } from '../metadata/query.ts'
import { timedMetadata } from '../metadata/timed-metadata.ts'
import type { Log } from '../observe/log.ts'
import type { ManifestDelay } from '../observe/manifest-delay.ts'
import type { RegistryMetrics } from '../observe/metrics/registry-metrics.ts'
import { awayDatabase } from '../opening/away-database.ts'
import type { Database } from '../opening/database.ts'
import { openDatabase, placeOfDatabase } from '../opening/open-database.ts'
import { openStorage, openUnwritable } from '../opening/open-storage.ts'
import type { OpenedStorage } from '../opening/opened-storage.ts'
import { type Refusal, refusalOfStart, watchForRoom } from '../opening/unwritable-start.ts'
import { waitForStore } from '../opening/wait-for-store.ts'
import type { ScrubbedBlob } from '../registry/check/scrub.ts'
import type { Collected } from '../registry/collect/collector.ts'
import { type CollectorPolicy, DEFAULT_POLICY } from '../registry/collect/policy.ts'
import type { OnRescued } from '../registry/content/rescue.ts'
import type { WatchedAccounts } from '../registry/events/account-events.ts'
import type { DatabasePresence } from '../registry/handover/database-presence.ts'
import { ensureStoreId, findStoreId } from '../registry/handover/store-id.ts'
import { createRegistry, type Registry } from '../registry/registry.ts'
import { StorageGate, StorageGoneError } from '../registry/storage-gate.ts'
import type { OnRepaired } from '../registry/writes/repeated-requests.ts'
import { undefinedIfMissing } from '../runtime/error-code.ts'
import type { StorageDriver } from '../storage/driver.ts'
import { isOnThisMachine, openDisk } from '../storage/filesystem/disk.ts'
import { FilesystemDriver } from '../storage/filesystem/filesystem.ts'
import { timedStorage } from '../storage/timed-storage.ts'
import type { Patience } from '../upstream/exchange.ts'
import { mirrorSourcesOf } from './mirror-source.ts'
import { beginAsOnlyDatabase, type Closer, closeAll, endPresence, presenceOf } from './only-database.ts'
import { explainedStartError, StartError, startErrorOf } from './start-error.ts'
import { StoreSign } from './store-sign.ts'

export interface RegistryParts {
  readonly config: Config
  readonly log: Log
  readonly metrics: RegistryMetrics | undefined
  readonly manifestDelay: ManifestDelay
  readonly closers: Closer[]
  /** What this process stands on is not its own any more, or has changed: it must start anew. */
  readonly onReplaced: (error: Error) => void
  readonly onRefused: (error: Error) => void
  /** The id of the storage that other processes of this registry serve; undefined: any may be there, or none yet. */
  readonly expectedStore: string | undefined
  /** For so long an object store takes a request that must not come late; undefined: as in `open-attempts.ts`. */
  readonly expiresSeconds?: number | undefined
  /** The times of the signs of life of databases, multiplied by this; undefined: as in `database-presence.ts`. */
  readonly presencePace?: number | undefined
  /** In place of what the configuration says. */
  readonly collector?: Partial<CollectorPolicy> | undefined
  /** For the answers of an upstream, in place of the usual. */
  readonly upstreamPatience?: Partial<Patience> | undefined
  /** The accounts of a storage, whose changes are events. */
  readonly watchAccounts: (storage: OpenedStorage['objects']) => WatchedAccounts
  /** A failure that names settings, with where each was set. */
  readonly withOrigins: (error: unknown) => unknown
  /** The database cannot be used: only pulls are answered, by what the storage says. */
  readonly isAway?: boolean
  /** Aborts when the process is asked to end: a store that is not there yet is waited for without end. */
  readonly signal: AbortSignal
}

export interface StartedRegistry {
  readonly registry: Registry
  readonly opened: OpenedStorage
  /** Counted, where metrics are on. */
  readonly storage: StorageDriver
  /** Undefined for a storage that nothing can be put in place of. */
  readonly gate: StorageGate | undefined
}

/**
 * Opens storage and metadata and begins the work of the registry. On a file system that is full or read-only pulls are served, as registry:2
 * does, until it can be written. Throws what an open reports; what was opened by then is among the closers.
 */
export async function startRegistry(parts: RegistryParts): Promise<StartedRegistry> {
  const { config, log, closers, onReplaced } = parts
  const { driver } = config.storage
  if (driver.kind === 'filesystem' && parts.expectedStore !== undefined)
    await requireStore(driver.rootDirectory, parts.expectedStore)
  try {
    const opened = await openStorage(config, log, parts)
    const explain = async (error: unknown) => parts.withOrigins(await explainedStartError(error, config))
    if (driver.kind === 's3') await waitForStore(opened.objects, { log, signal: parts.signal, explain })
    return await startOn(opened, parts)
  } catch (error) {
    const refusal = refusalOfStart(error)
    if (refusal === undefined || driver.kind !== 'filesystem' || (await placeOf(driver.rootDirectory)) === undefined) throw error
    await closeAll(closers)
    const { rootDirectory: root } = driver
    log.error('the storage cannot be written: only pulls are served until it can', { root, error })
    const started = await startOn(await openUnwritable(root, refusal), parts, refusal)
    closers.push(watchForRoom(root, onReplaced))
    return started
  }
}

async function requireStore(root: string, expected: string): Promise<void> {
  const isThere = (await placeOf(root)) !== undefined
  const found = isThere ? await findStoreId(FilesystemDriver.openToRead(await openDisk(root), root)) : undefined
  if (found === expected) return
  throw new StorageGoneError(
    `The storage that was served from ${root} is not there; bring it back, or restart Berth to begin anew.`,
  )
}

/** `refusal`: nothing may be changed. */
async function startOn(opened: OpenedStorage, parts: RegistryParts, refusal?: Refusal): Promise<StartedRegistry> {
  const { config, log, metrics, closers, onReplaced, onRefused } = parts
  closers.push(opened.cleanUp)
  const database =
    parts.isAway === true ? awayDatabase(placeOfDatabase(config, opened)) : await beginDatabase(opened, parts, refusal)
  let presence: DatabasePresence | undefined
  closers.push(async () => await endPresence(presence, database))
  closers.push(database.close)
  let gate: StorageGate | undefined
  const unwatch = database.watch({
    // A database that is gone with its storage is not made anew: the gate tells when both are back.
    onReplaced: async (error) => {
      await gate?.look()
      if (gate?.isOpen !== false) onReplaced(error)
    },
    onFailure: (error) => log.error('metadata checkpoint failed', { error }),
  })
  closers.push(unwatch)
  const { locks: liveness, processId, epoch, lostForMs } = database
  const driver = await opened.driver(database)
  closers.push(() => driver.close())
  if (driver.capabilities.isReachedByOtherMachines && parts.isAway !== true)
    presence = await presenceOf({ ...parts, opened, database })
  opened.guard(() => database.isHeld() && (presence === undefined || presence.isFresh))
  const { storage, metadata } = timed(metrics, driver, database.metadata)
  let told: Registry['notifications']
  const onUpstream = (origin: string, isFailing: boolean) => told?.noteUpstream(origin, isFailing)
  const rules = {
    ...maintenanceOf(parts, refusal !== undefined),
    manifestRules: config.manifests,
    quotas: config.quotas,
    notifications: config.notifications,
    retention: config.retention,
    onlyReads: refusal !== undefined,
    accounts: config.access && parts.watchAccounts(opened.objects),
    mirrors: await mirrorSourcesOf(config, { ...parts, onUpstream }),
  }
  const onCollected = (collected: Collected) => metrics?.collector.collected(collected)
  const onRescued: OnRescued = (kind, count) => metrics?.collector.rescued(kind, count)
  const onRepaired: OnRepaired = (kind) => metrics?.repeats.repaired(kind)
  const readersWait = () => parts.manifestDelay.isLong
  const isServing = () => parts.manifestDelay.isServing
  const onScrubbed = (read: ScrubbedBlob) => metrics?.scrub.read(read)
  const observed = { onCollected, onRescued, onRepaired, onScrubbed, readersWait, isServing, log }
  const registry = createRegistry({ storage, metadata, liveness, processId, epoch, lostForMs, ...rules, ...observed })
  told = registry.notifications
  closers.push(() => registry.stop())
  if (parts.isAway === true) registry.handover.beAway()
  else await beginAsOnlyDatabase({ registry, presence, database, log, closers, onRefused })
  gate = await openGate({ opened, database, registry, parts })
  closers.push(async () => gate?.stop())
  closers.push(async () => opened.hurry())
  return { registry, opened, storage, gate }
}

interface GateParts {
  readonly opened: OpenedStorage
  readonly database: Database
  readonly registry: Registry
  readonly parts: RegistryParts
}

/** For a directory: another file system, or none, may come in its place. */
async function openGate({ opened, database, registry, parts }: GateParts): Promise<StorageGate | undefined> {
  const { log, onReplaced } = parts
  const { driver } = parts.config.storage
  if (driver.kind !== 'filesystem') return undefined
  const { rootDirectory: root } = driver
  const store = new StoreSign(root, { objects: opened.objects, isOnThisMachine: await isOnThisMachine(root) })
  const sign = await store.find()
  const gate = new StorageGate({
    findSign: async () => (sign === undefined ? await placeOf(root) : await store.find()),
    sign: sign ?? (await placeOf(root)) ?? 'none',
    isUnchanged: () => store.isUnchanged(),
    store: sign,
    onGone: () => {
      registry.handOverDuties().catch((error: unknown) => log.warn('the work in the background did not end', { error }))
      log.error('the storage has gone, every request is refused until it is back', { root })
    },
    onBack: () => {
      // A scan under way may have taken everything for gone: no row is believed any more.
      void database.abandon()
      onReplaced(new Error('The storage had gone and is back.'))
    },
  })
  gate.watch()
  return gate
}

/** Device and inode of a directory; undefined when there is none. */
async function placeOf(root: string): Promise<string | undefined> {
  const found = await stat(root).catch(undefinedIfMissing)
  return found && `${found.dev}:${found.ino}`
}

async function beginDatabase(opened: OpenedStorage, { config, log }: RegistryParts, refusal?: Refusal): Promise<Database> {
  const isNamed = refusal === undefined && config.metadata.path !== undefined
  const isTemporary = refusal !== undefined
  const storeId = isTemporary
    ? async () => (await findStoreId(opened.objects)) ?? crypto.randomUUID()
    : () => ensureStoreId(opened.objects)
  const database = await openDatabase(config, opened, { storeId, isTemporary }).catch((error: unknown) => {
    throw isNamed || refusalOfStart(error) === undefined ? error : withOtherPlace(error)
  })
  const { setAside, migratedFrom, place, epoch, beganEpoch } = database
  if (setAside !== undefined) log.warn('metadata database set aside, building a new one', { reason: setAside, path: place })
  if (migratedFrom !== undefined) log.info('metadata database migrated', { from: migratedFrom, path: place })
  log.info('metadata opened', { path: place, epoch, beganEpoch })
  return database
}

/** A full or read-only file system that the operator has not chosen for the database. */
function withOtherPlace(error: unknown): unknown {
  const explained = startErrorOf(error)
  if (!(explained instanceof StartError)) return error
  const message = `${explained.message} The metadata database belongs there; name another place with metadata.path.`
  return new StartError(message, { cause: error })
}

/** With metrics off, storage and metadata are not wrapped. */
function timed(metrics: RegistryMetrics | undefined, storage: StorageDriver, metadata: Metadata) {
  if (metrics === undefined) return { storage, metadata }
  return {
    storage: timedStorage(storage, (action, run) => metrics.storage.time(action, run)),
    metadata: timedMetadata(metadata, (run) => metrics.metadataWrites.time(run)),
  }
}

/** What is removed unasked: nothing where the storage takes no changes. The collector rests where clients may change nothing as well. */
function maintenanceOf({ config, collector: overrides }: RegistryParts, isUnwritable: boolean) {
  const { uploadPurging, collector, scrub, readOnly } = config.storage
  return {
    uploadPurging: { ...uploadPurging, enabled: uploadPurging.enabled && !isUnwritable },
    collector: { ...DEFAULT_POLICY, ...collector, ...overrides, isReadOnly: readOnly || isUnwritable },
    scrub,
    readsLayers: config.storage.readsLayers && !isUnwritable,
  }
}
