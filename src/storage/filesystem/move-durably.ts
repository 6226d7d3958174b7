import { dirname } from 'node:path'
import { type Disk, isMissing } from './disk.ts'
import type { DurableDirectories } from './durable-directories.ts'

interface Move {
  readonly disk: Disk
  readonly directories: DurableDirectories
  readonly from: string
  readonly to: string
}

/** The new name is synced before the old one: a power cut leaves one of them at least. A repetition finds nothing, and syncs what the first did. */
export async function moveDurably({ disk, directories, from, to }: Move): Promise<void> {
  await directories.ensure(dirname(to))
  try {
    await disk.rename(from, to)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  await disk.syncDirectory(dirname(to))
  await disk.syncDirectory(dirname(from)).catch((error: unknown) => {
    if (!isMissing(error)) throw error
  })
}
