import { hostname } from 'node:os'
import type { OpenedMetadata } from './metadata/open.ts'
import type { Log } from './observe/log.ts'
import { ensureStateId } from './opening/local-state.ts'
import { DatabasePresence } from './registry/database-presence.ts'
import type { Registry } from './registry/registry.ts'
import type { StorageDriver } from './storage/driver.ts'

/** Lets go of something. They are called last to first. */
export type Closer = () => Promise<void>

export interface PresenceParts {
  readonly driver: StorageDriver
  readonly database: OpenedMetadata
  readonly runDirectory: string
  readonly log: Log
  readonly closers: Closer[]
  /** What this process stands on is not its own any more. */
  readonly onReplaced: (error: Error) => void
}

/** The locks of processes are on this machine: on a remote storage another machine is told in another way. Undefined where there is none. */
export async function presenceOf(parts: PresenceParts): Promise<DatabasePresence | undefined> {
  const { driver, database, runDirectory, log, closers, onReplaced } = parts
  if (!driver.capabilities.isRemote) return undefined
  const presence = new DatabasePresence({
    storage: driver,
    databaseId: await ensureStateId(runDirectory),
    host: hostname(),
    onTakenOver: (error) => {
      onReplaced(error)
      // What all processes of this machine believe may be wrong by now, also when the other database has ended.
      database.abandon()
    },
    onFailure: (error) => log.warn('the sign of this database in the storage was not renewed', { error }),
    waitsForLiving: true,
  })
  closers.push(async () => presence.end({ isLast: (await database.locks.living()).length <= 1 }))
  return presence
}

export interface Beginning {
  readonly registry: Registry
  /** Undefined where nobody can have another database. */
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
    registry.takeover.end()
    log.info('no other database is at work on the storage, everything is served')
  }
  registry.takeover.begin()
  log.warn('another database may be at work on the storage: only pulls are answered until it has ended')
  const taken = takeOver().catch((error: Error) => {
    registry.takeover.refuse()
    onRefused(error)
  })
  closers.push(async () => {
    presence.giveUp()
    await taken
  })
}
