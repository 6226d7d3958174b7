import { stat } from 'node:fs/promises'
import type { Config } from '../config/config.ts'
import type { Query } from '../metadata/query.ts'
import { MetadataKeeper } from '../metadata/sqlite/keeper.ts'
import { type OpenedMetadata, openMetadata } from '../metadata/sqlite/open.ts'
import type { Log } from '../observe/log.ts'
import { openStorage } from '../opening/open-storage.ts'
import type { OpenedStorage } from '../opening/opened-storage.ts'
import { confirm } from '../registry/collect/brake.ts'
import { SENTENCES } from '../registry/collect/collector-duty.ts'
import { type CollectorNote, readCollectorNote } from '../registry/collect/collector-note.ts'
import { aloneSince, type CommandOptions, type CommandResult } from '../registry/collect/command/collection.ts'
import type { CommandPlan, CommandTold } from '../registry/collect/command/plan.ts'
import { type CollectorPolicy, DEFAULT_POLICY } from '../registry/collect/policy.ts'
import type { DatabasePresence } from '../registry/handover/database-presence.ts'
import { ensureStoreId } from '../registry/handover/store-id.ts'
import { createRegistry, type Registry } from '../registry/registry.ts'
import { type Closer, closeAll, endPresence, presenceOf } from './only-database.ts'
import { StartError } from './start-error.ts'

const HOUR_MS = 60 * 60 * 1000
const NO_PURGE = { enabled: false, ageMs: 0, intervalMs: 0, dryRun: false }

export type GarbagePlan = CommandPlan
export type GarbageTold = CommandTold

export interface GarbageOptions extends Pick<CommandOptions, 'removesUntagged' | 'dryRun' | 'told' | 'onPlan' | 'signal'> {
  /** Without the grace, also beside a server. */
  readonly now: boolean
}

export interface GarbageResult extends CommandResult {
  /** No server runs on the storage. */
  readonly isAlone: boolean
  /** Why nothing, or no bytes, may go, as a sentence that begins in the middle. */
  readonly because: string | undefined
  readonly graceMs: number
  readonly windowMs: number
}

/** Collects once, beside a server or while none runs. Throws StartError when it cannot begin. */
export async function collectGarbage(config: Config, log: Log, { now, ...options }: GarbageOptions): Promise<GarbageResult> {
  return await withDatabase(config, log, async ({ opened, database, closers }) => {
    const isAlone = database.beganEpoch
    const policy = policyFor({ ...DEFAULT_POLICY, ...config.storage.collector }, { isAlone, now })
    const requireAllowed = isAlone ? await aloneSince(database.metadata) : undefined
    const replaced = new AbortController()
    const onReplaced = (error: Error) => replaced.abort(error)
    const registry = await openRegistry({ opened, database, log, closers, policy, requireAllowed, onReplaced })
    const signal = AbortSignal.any([options.signal, replaced.signal])
    if (isAlone) await lookAtAll(registry, signal)
    const { graceMs, windowMs } = policy
    const result = await registry.commandCollection.run({ ...options, signal, graceMs, windowMs })
    const because = result.waits && SENTENCES[result.waits]
    return { ...result, because, isAlone, graceMs, windowMs }
  })
}

export interface CollectorState {
  readonly note: CollectorNote
  readonly because: string | undefined
}

/** What the collector of a server wrote down last; undefined before its first pass. */
export async function readCollectorState(config: Config, log: Log): Promise<CollectorState | undefined> {
  return await withDatabase(config, log, async ({ database }) => {
    const note = await readCollectorNote(database.metadata.read)
    return note && { note, because: note.waits && SENTENCES[note.waits] }
  })
}

/** The operator says yes to the set that the brake held back; `token` stands in the log. */
export async function confirmCollection(config: Config, log: Log, token: string): Promise<void> {
  await withDatabase(config, log, async ({ database }) => await confirm(database.metadata, token))
}

/** Without a server no client has been promised anything in this epoch: there is no window, and no hurry to spare readers. */
function policyFor(
  policy: CollectorPolicy,
  { isAlone, now }: { readonly isAlone: boolean; readonly now: boolean },
): CollectorPolicy {
  const asked = { ...policy, isReadOnly: false, graceMs: now ? 0 : policy.graceMs }
  if (!isAlone) return asked
  const graceMs = Math.min(asked.graceMs, HOUR_MS)
  return { ...asked, graceMs, windowMs: 0, rate: 0, tickMs: 0 }
}

interface Opened {
  readonly opened: OpenedStorage
  readonly database: OpenedMetadata
  readonly closers: Closer[]
}

async function withDatabase<Result>(config: Config, log: Log, work: (opened: Opened) => Promise<Result>): Promise<Result> {
  await requireStorage(config)
  const closers: Closer[] = []
  try {
    const opened = await openStorage(config, log)
    closers.push(opened.cleanUp)
    const { metadataPath: path, runDirectory, objects } = opened
    const isNamed = config.metadata.path !== undefined
    const database = await openMetadata({ path, isNamed, runDirectory, storeId: () => ensureStoreId(objects) })
    closers.push(async () => {
      await database.metadata.close()
      database.locks.release(database.processId)
    })
    return await work({ opened, database, closers })
  } finally {
    await closeAll(closers)
  }
}

interface RegistryParts extends Opened {
  readonly log: Log
  readonly onReplaced: (error: Error) => void
  readonly policy: CollectorPolicy
  readonly requireAllowed: ((query: Query) => Promise<void>) | undefined
}

async function openRegistry(parts: RegistryParts): Promise<Registry> {
  const { opened, database, log, closers, policy, requireAllowed, onReplaced } = parts
  const { metadata, locks, processId, epoch } = database
  const onFailure = (error: unknown) => log.error('metadata checkpoint failed', { error })
  const keeper = new MetadataKeeper({ path: opened.metadataPath, opened: database, onReplaced, onFailure })
  closers.push(() => keeper.stop())
  const storage = await opened.driver(database)
  closers.push(() => storage.close())
  if (storage.capabilities.isReachedByOtherMachines) {
    const presence = await presenceOf({ opened, database, log, onReplaced })
    await beginAlone(presence)
    closers.push(async () => await endPresence(presence, locks))
    opened.guard(() => presence.isFresh)
  }
  const collecting = { collector: policy, collectsOnce: { requireAllowed } }
  const registry = createRegistry({
    storage,
    metadata,
    liveness: locks,
    processId,
    epoch,
    uploadPurging: NO_PURGE,
    ...collecting,
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

/** What the last server left is settled, and everything is read. */
async function lookAtAll(registry: Registry, signal: AbortSignal): Promise<void> {
  await registry.operations.sweep()
  await registry.backgroundScan.run(signal)
  signal.throwIfAborted()
}

async function requireStorage({ storage: { driver } }: Config): Promise<void> {
  if (driver.kind === 'inmemory')
    throw new StartError('A storage in memory belongs to the process that serves it; there is nothing to collect here.')
  if (driver.kind === 'filesystem' && (await stat(driver.rootDirectory).catch(() => undefined)) === undefined)
    throw new StartError(`There is no storage at ${driver.rootDirectory}.`)
}
