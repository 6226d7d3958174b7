import { type StoragePath, storagePath } from '../storage/driver.ts'
import { berthLayout } from '../storage/layout.ts'
import type { CopyOptions } from './blob-copy.ts'

/** What belongs to a storage itself, and not to what it holds: its id, which databases are in use on it, and looks at its clock. */
const STAYS: ReadonlySet<string> = new Set([berthLayout.store, berthLayout.databases, berthLayout.clock])
const MOST_BYTES = 64 * 1024 * 1024

/** Copies Berth's own records, which no other registry knows; only their owner may read them. */
export async function copyRecords(options: CopyOptions): Promise<void> {
  await copyBelow(options, berthLayout.directory)
}

async function copyBelow(options: CopyOptions, directory: StoragePath): Promise<void> {
  const { source, target, signal } = options
  const names = (await source.list(directory)).filter((name) => !STAYS.has(storagePath(directory, name)))
  // An account that the source has revoked is revoked; a source without accounts says nothing about those of the target.
  const gone = directory.startsWith(berthLayout.access)
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

/** What a list of an object store lacks may be there all the same. */
async function removeRecord({ source, target, progress }: CopyOptions, path: StoragePath): Promise<void> {
  if ((await source.stat(path)) !== undefined) return
  await target.remove(path)
  progress.recordsRemoved += 1
}

async function copyFile({ source, target, progress }: CopyOptions, directory: StoragePath, name: string): Promise<void> {
  const path = storagePath(directory, name)
  const bytes = await source.readSmall(path, MOST_BYTES)
  const there = await target.readSmall(path, MOST_BYTES)
  if (bytes === undefined || (there !== undefined && Buffer.from(there).equals(bytes))) return
  await target.place([{ directory, files: [{ name, bytes, secret: true }] }])
  progress.recordsCopied += 1
}
