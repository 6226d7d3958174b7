import { realpath, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Config } from '../config/config.ts'
import { LifeLocks } from '../metadata/sqlite/life-lock.ts'
import type { Log } from '../observe/log.ts'
import { type LoneStorage, openAlone, openToRead } from '../opening/open-alone.ts'
import { DatabasePresence } from '../registry/handover/database-presence.ts'
import type { StorageDriver } from '../storage/driver.ts'
import { layout } from '../storage/layout.ts'
import type { CopyProblem, CopyProgress } from '../storage-copy/copy-progress.ts'
import { copyStorage } from '../storage-copy/storage-copy.ts'
import { StartError, startErrorOf } from './start-error.ts'

export interface CopyBetweenOptions {
  readonly from: Config
  readonly to: Config
  readonly progress: CopyProgress
  readonly onProblem: (problem: CopyProblem) => void
  readonly signal: AbortSignal
  readonly log: Log
}

/** Copies one configuration's storage to another's, while no registry serves the latter. Throws StartError when that cannot begin. */
export async function copyBetween({ from, to, log, ...options }: CopyBetweenOptions): Promise<void> {
  await expectTwo(from, to)
  await using closers = new AsyncDisposableStack()
  const source = closers.adopt(await open('source', openToRead(from, log)), ({ close }) => close())
  await expectRegistry(source.driver, from)
  const target = closers.adopt(await open('target', openAlone(to, log)), ({ close }) => close())
  await asTheOnlyOne(target, log, (driver, taken) => {
    return copyStorage({ source: source.driver, target: driver, ...options, signal: AbortSignal.any([options.signal, taken]) })
  })
}

/** Works on a storage alone: a server that starts meanwhile finds it in use. */
async function asTheOnlyOne(
  { driver, runDirectory }: LoneStorage,
  log: Log,
  work: (target: StorageDriver, taken: AbortSignal) => Promise<void>,
): Promise<void> {
  if (driver.capabilities.isReachedByOtherMachines) return await withSign(driver, log, work)
  const locks = await LifeLocks.open(runDirectory)
  const id = crypto.randomUUID()
  try {
    await locks.whileStarting(async () => {
      if ((await locks.living()).length > 0) throw new StartError('A server is running on the target; stop it, and copy then.')
      locks.hold(id, { database: 'none: a copy into this storage', path: '' })
    })
    await work(driver, new AbortController().signal)
  } finally {
    locks.release(id)
  }
}

/** Others may be on other machines: the sign that a copy is at work is in the storage, as that of a server would be. */
async function withSign(
  driver: StorageDriver,
  log: Log,
  work: (target: StorageDriver, taken: AbortSignal) => Promise<void>,
): Promise<void> {
  const taken = new AbortController()
  const presence = new DatabasePresence({
    storage: driver,
    databaseId: crypto.randomUUID(),
    host: `${hostname()}, a copy into this storage`,
    onTakenOver: (error) => taken.abort(error),
    onFailure: (error) => log.warn('the sign of this copy in the target was not renewed', { error }),
  })
  await open('target', presence.begin())
  try {
    await work(driver, taken.signal)
  } finally {
    await presence.end({ isLast: true })
  }
}

async function open<Opened>(which: 'source' | 'target', opening: Promise<Opened>): Promise<Opened> {
  try {
    return await opening
  } catch (error) {
    const known = startErrorOf(error)
    const reason = error instanceof Error ? error.message : String(error)
    throw known instanceof StartError ? known : new StartError(`The ${which} cannot be opened: ${reason}`, { cause: error })
  }
}

async function expectTwo(from: Config, to: Config): Promise<void> {
  const [source, target] = await Promise.all([from, to].map(placeOf))
  if (source === target) throw new StartError('Source and target are the same storage; there is nothing to copy.')
  for (const { storage } of [from, to]) {
    if (storage.driver.kind === 'inmemory')
      throw new StartError('A storage in memory is gone when the copy ends; name another one.')
  }
}

async function placeOf({ storage: { driver } }: Config): Promise<string> {
  if (driver.kind !== 'filesystem') return JSON.stringify(driver)
  const exists = await stat(driver.rootDirectory).catch(() => undefined)
  return exists === undefined ? driver.rootDirectory : await realpath(driver.rootDirectory)
}

/** A mistyped path must not look like an empty registry that was copied well. */
async function expectRegistry(source: StorageDriver, { storage: { driver } }: Config): Promise<void> {
  if ((await source.stat(layout.repositories)) !== undefined) return
  const where = driver.kind === 'filesystem' ? driver.rootDirectory : 'the source'
  throw new StartError(`There is no registry in ${where}: it has no docker/registry/v2/repositories.`)
}
