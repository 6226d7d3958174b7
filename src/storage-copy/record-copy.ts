import { type StoragePath, storagePath } from '../storage/driver.ts'
import { berthLayout } from '../storage/layout.ts'
import type { CopyOptions } from './blob-copy.ts'

/**
 * Not copied, because it describes one storage: its id, the databases that work on it, the file by which its clock is read, and what was
 * damaged there.
 */
const NOT_COPIED: ReadonlySet<string> = new Set([
  ...[berthLayout.store, berthLayout.databases, berthLayout.clock, berthLayout.quarantine],
])
/** What lies below these and the source has no more goes from the target too. */
const IN_STEP: readonly StoragePath[] = [
  ...[berthLayout.access, berthLayout.deleted, berthLayout.remarks, berthLayout.deployments],
]
const MOST_BYTES = 64 * 1024 * 1024

/**
 * Copies the records that Berth itself keeps in a storage, beside the images: users, groups, robots, and the keys that sign tokens. In the
 * target only their owner may read them.
 */
export async function copyRecords(options: CopyOptions): Promise<void> {
  await copyBelow(options, berthLayout.directory)
}

async function copyBelow(options: CopyOptions, directory: StoragePath): Promise<void> {
  const { source, target, signal } = options
  const names = (await source.list(directory)).filter((name) => !NOT_COPIED.has(storagePath(directory, name)))
  // An account, or a deletion that is over, which was removed from the source is removed from the target. A source that never had any removes none.
  const gone = IN_STEP.some((part) => directory.startsWith(part))
    ? (await target.list(directory)).filter((name) => !names.includes(name))
    : []
  for (const name of gone) await removeRecord(options, storagePath(directory, name))
  for (const name of names) {
    signal.throwIfAborted()
    const entry = await source.stat(storagePath(directory, name))
    if (entry?.kind === 'directory') await copyBelow(options, storagePath(directory, name))
    if (entry?.kind === 'file') await copyFile(options, directory, name)
  }
}

/** A list of an object store may lack a record that is there, so the record itself is looked up before it is removed. */
async function removeRecord({ source, target, progress }: CopyOptions, path: StoragePath): Promise<void> {
  if ((await source.stat(path)) !== undefined) return
  await target.remove(path)
  progress.recordsRemoved += 1
}

async function copyFile({ source, target, progress }: CopyOptions, directory: StoragePath, name: string): Promise<void> {
  const path = storagePath(directory, name)
  const bytes = await source.readSmall(path, MOST_BYTES)
  const existing = await target.readSmall(path, MOST_BYTES)
  if (bytes === undefined || (existing !== undefined && Buffer.from(existing).equals(bytes))) return
  await target.place([{ directory, files: [{ name, bytes, secret: true }] }])
  progress.recordsCopied += 1
}
