import { mkdir, open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from '../../runtime/error-code.ts'
import { CheckFailure, CheckLimit, type CheckStep, type Explain } from '../check-step.ts'
import { StorageFault } from '../storage-errors.ts'
import type { FilesystemDriver } from './filesystem.ts'
import { probeNames, probeRename, UnusableRootError } from './probe.ts'

const SYNCS = 20
const SLOW_SYNC_MS = 50
const FEWEST_INODES = 10_000

/** What a registry needs of a file system beyond files: tried on the root directory of a driver. */
export function filesystemSteps(root: string, driver: Pick<FilesystemDriver, 'space'>): readonly CheckStep[] {
  const staging = join(root, 'berth/staging')
  return [
    { name: 'tell upper case from lower case', run: () => nothing(probeNames(staging)) },
    { name: 'rename between berth/ and docker/', run: () => nothing(probeRename(staging, join(root, 'docker/registry'))) },
    { name: 'sync to the disk', run: () => timeSyncs(join(staging, `check-${crypto.randomUUID()}`)) },
    { name: 'free space', run: () => expectSpace(driver) },
    { name: 'free files', run: () => expectInodes(root) },
  ]
}

export const explainFilesystem: Explain = (failed) => {
  const isWrapped = failed instanceof UnusableRootError || failed instanceof StorageFault
  const error = isWrapped ? (failed.cause ?? failed) : failed
  const user = process.getuid?.() ?? 'this'
  if (hasCode(error, 'EACCES') || hasCode(error, 'EPERM')) {
    return `User ${user} may not do that (${messageOf(error)}); give it the directory with chown -R, or run Berth as its owner.`
  }
  if (hasCode(error, 'EROFS')) return 'The file system is mounted read-only; mount it so that it can be written.'
  if (hasCode(error, 'EIO'))
    return `The disk fails (${messageOf(error)}); look at the log of the kernel and have a backup at hand.`
  if (hasCode(error, 'ESTALE')) return 'The directory went away on the file server; mount it again.'
  return undefined
}

async function nothing(probe: Promise<void>): Promise<undefined> {
  await probe
}

/** As a push does it: a new file and its directory. */
async function timeSyncs(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true })
  try {
    const times: number[] = []
    for (let number = 0; number < SYNCS; number += 1) times.push(await timeSync(join(directory, `${number}`), directory))
    const median = times.sort((one, other) => one - other)[SYNCS / 2] ?? 0
    if (median <= SLOW_SYNC_MS) return `one takes ${median.toFixed(1)} ms`
    throw new CheckLimit(`One takes ${median.toFixed(0)} ms, and a push waits for about ten: a faster disk makes faster pushes.`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function timeSync(path: string, directory: string): Promise<number> {
  const startedAt = performance.now()
  await using file = await open(path, 'wx')
  await file.write('synced')
  await file.sync()
  await using parent = await open(directory, 'r')
  await parent.sync()
  return (performance.now() - startedAt) / 2
}

async function expectSpace(driver: Pick<FilesystemDriver, 'space'>): Promise<string> {
  const space = await driver.space()
  if (space === undefined) return 'without a limit'
  const [free, reserve] = [space.freeBytes, space.reserveBytes].map((bytes) => `${(bytes / 1e9).toFixed(1)} GB`)
  if (space.freeBytes > space.reserveBytes) return `${free}; below ${reserve} pushes are refused`
  throw new CheckFailure(
    `${free} are free and ${reserve} are kept for deletes and metadata: pushes are refused until there is more.`,
  )
}

/** A registry has many small files: a file system may run out of them long before it is full. Some have no limit and say 0. */
async function expectInodes(root: string): Promise<string> {
  const { files, ffree } = await statfs(root)
  if (files === 0) return 'without a limit'
  if (ffree >= FEWEST_INODES) return `${ffree}`
  throw new CheckFailure(
    `The file system has room for ${ffree} more files (inodes); each layer and tag needs a few: make it larger.`,
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
