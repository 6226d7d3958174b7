import { type StoragePath, storagePath } from '../storage/driver.ts'
import { berthLayout } from '../storage/layout.ts'
import type { CopyOptions } from './blob-copy.ts'

/** What belongs to a storage itself, and not to what it holds: its id, and which databases are in use on it. */
const STAYS: ReadonlySet<string> = new Set(['store', 'databases'])
const MOST_BYTES = 64 * 1024 * 1024

/** Copies Berth's own records, which no other registry knows. */
export async function copyRecords(options: CopyOptions): Promise<void> {
  for (const name of await options.source.list(berthLayout.directory)) {
    if (!STAYS.has(name)) await copyBelow(options, berthLayout.directory, name)
  }
}

async function copyBelow(options: CopyOptions, directory: StoragePath, name: string): Promise<void> {
  const { source, signal } = options
  signal.throwIfAborted()
  const path = storagePath(directory, name)
  const entry = await source.stat(path)
  if (entry?.kind === 'file') return await copyFile(options, directory, name)
  for (const child of await source.list(path)) await copyBelow(options, path, child)
}

async function copyFile({ source, target, progress }: CopyOptions, directory: StoragePath, name: string): Promise<void> {
  const path = storagePath(directory, name)
  const bytes = await source.readSmall(path, MOST_BYTES)
  const there = await target.readSmall(path, MOST_BYTES)
  if (bytes === undefined || (there !== undefined && Buffer.from(there).equals(bytes))) return
  await target.place([{ directory, files: [{ name, bytes }] }])
  progress.recordsCopied += 1
}
