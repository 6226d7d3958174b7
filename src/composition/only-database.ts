import { hostname } from 'node:os'
import type { ProcessLocks } from '../metadata/processes.ts'
import type { OpenedMetadata } from '../metadata/sqlite/open.ts'
import type { Log } from '../observe/log.ts'
import { ensureStateId } from '../opening/local-state.ts'
import type { OpenedStorage } from '../opening/opened-storage.ts'
import { DatabasePresence } from '../registry/handover/database-presence.ts'
import type { Registry } from '../registry/registry.ts'

/** Lets go of something. They are called last to first. */
export type Closer = () => Promise<void>

/** Calls each of them once. */
export async function closeAll(closers: Closer[]): Promise<void> {
  for (const step of closers.splice(0).reverse()) await step()
}

export interface PresenceParts {
  readonly opened: Pick<OpenedStorage, 'objects' | 'runDirectory' | 'storageTimeMs'>
  readonly database: OpenedMetadata
  readonly log: Log
  /** What this process stands on is not its own any more. */
  readonly onReplaced: (error: Error) => void
  readonly presencePace?: number | undefined
}

/** The locks of processes are on this machine: on a remote storage another machine is told in another way. */
export async function presenceOf({ opened, database, log, onReplaced, presencePace }: PresenceParts): Promise<DatabasePresence> {
  return new DatabasePresence({
    storage: opened.objects,
    databaseId: await ensureStateId(opened.runDirectory),
    host: hostname(),
    onTakenOver: (error) => {
      onReplaced(error)
      // What all processes of this machine believe may be wrong by now, also when the other database has ended.
      database.abandon()
    },
    onFailure: (error) => log.warn('the sign of this database in the storage was not renewed', { error }),
    waitsForLiving: true,
    storageTimeMs: opened.storageTimeMs,
    pace: presencePace,
  })
}

/** Called when the lock of this process is released: of several processes that end at once, one sees that it is the last. */
export async function endPresence(presence: DatabasePresence | undefined, locks: ProcessLocks): Promise<void> {
  if (presence === undefined) return
  // No process starts now: its sign of life would be removed.
  await locks.whileStarting(async () => presence.end({ isLast: (await locks.living()).length === 0 }))
}

export interface Beginning {
  readonly registry: Registry
  /** Undefined where there cannot be another database. */
  readonly presence: DatabasePresence | undefined
  readonly settleFirst: boolean
  readonly log: Log
  readonly closers: Closer[]
  /** Another database stays at work, or the storage does not answer. */
  readonly onRefused: (error: Error) => void
}

/** Where another database may be at work, this one begins when that is over; until then only pulls are answered. */
export async function beginAsOnlyDatabase({
  registry,
  presence,
  settleFirst,
  log,
  closers,
  onRefused,
}: Beginning): Promise<void> {
  if (presence === undefined || (await presence.isAlone())) {
    await presence?.begin()
    return await registry.start({ settleFirst })
  }
  const takeOver = async () => {
    await presence.begin()
    await registry.start({ settleFirst })
    registry.handover.end()
    log.info('no other database is at work on the storage, everything is served')
  }
  registry.handover.begin()
  log.warn('another database may be at work on the storage: only pulls are answered until it has ended')
  const taken = takeOver().catch((error: Error) => {
    registry.handover.refuse()
    onRefused(error)
  })
  closers.push(async () => {
    presence.giveUp()
    await taken
  })
}
