import { hostname } from 'node:os'
import type { Log } from '../observe/log.ts'
import type { Database } from '../opening/database.ts'
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
  readonly opened: Pick<OpenedStorage, 'objects' | 'storageTimeMs'>
  readonly database: Pick<Database, 'id' | 'abandon'>
  readonly log: Log
  /** What this process stands on is not its own any more. */
  readonly onReplaced: (error: Error) => void
  readonly presencePace?: number | undefined
}

/** The locks of processes are on this machine: on a remote storage another machine is told in another way. */
export async function presenceOf({ opened, database, log, onReplaced, presencePace }: PresenceParts): Promise<DatabasePresence> {
  return new DatabasePresence({
    storage: opened.objects,
    databaseId: await database.id(),
    host: hostname(),
    onTakenOver: (error) => {
      onReplaced(error)
      // What all processes of this database believe may be wrong by now, also when the other one has ended.
      void Promise.resolve(database.abandon()).catch((failure: unknown) => {
        log.warn('the rows of this database may be wrong, and it could not be told so', { error: failure })
      })
    },
    onFailure: (error) => log.warn('the sign of this database in the storage was not renewed', { error }),
    waitsForLiving: true,
    storageTimeMs: opened.storageTimeMs,
    pace: presencePace,
  })
}

/**
 * Called when the lock of this process is released: of several processes that end at once, one sees that it is the last. A process that was
 * taken for dead starts anew, with the same sign.
 */
export async function endPresence(
  presence: DatabasePresence | undefined,
  { locks, isLost }: Pick<Database, 'locks' | 'isLost'>,
): Promise<void> {
  if (presence === undefined) return
  if (isLost()) return await presence.end({ isLast: false })
  // No process starts now: its sign of life would be removed. Where the database does not answer, the sign grows old.
  await locks
    .whileStarting(async () => presence.end({ isLast: (await locks.living()).length === 0 }))
    .catch(() => presence.end({ isLast: false }))
}

export interface Beginning {
  readonly registry: Registry
  /** Undefined where there cannot be another database. */
  readonly presence: DatabasePresence | undefined
  readonly database: Pick<Database, 'beganEpoch' | 'isLost'>
  readonly log: Log
  readonly closers: Closer[]
  /** Another database stays at work, or the storage does not answer. */
  readonly onRefused: (error: Error) => void
}

/** Where another database may be at work, this one begins when that is over; until then only pulls are answered. */
export async function beginAsOnlyDatabase({ registry, presence, database, log, closers, onRefused }: Beginning): Promise<void> {
  const settleFirst = database.beganEpoch
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
    // A process that has lost its own database begins anew, and waits once more.
    if (database.isLost()) return
    registry.handover.refuse()
    onRefused(error)
  })
  closers.push(async () => {
    presence.giveUp()
    await taken
  })
}
