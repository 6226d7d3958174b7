import { statfs } from 'node:fs/promises'
import { MetadataNotWritableError } from '../metadata/query.ts'
import { isNotWritable } from '../metadata/sqlite/not-writable.ts'
import type { RegistryError } from '../oci/errors.ts'
import { refusalFor } from '../storage/filesystem/disk.ts'
import { probeRoot } from '../storage/filesystem/probe.ts'

/** What a client hears that would change something. */
export type Refusal = () => RegistryError

const LOOK_EVERY_MS = 2_000
/** With less, the next start would find the same. */
const ROOM_BYTES = 8 * 1024 * 1024

/** What keeps a start from writing, where that is a file system that is full or read-only; undefined for any other failure. */
export function refusalOfStart(error: unknown): Refusal | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const reason = cause
    if (refusalFor(reason) !== undefined) return () => refusalFor(reason) ?? new MetadataNotWritableError(reason)
    const code = 'code' in reason ? String(reason.code) : ''
    if (isNotWritable(code) || reason instanceof MetadataNotWritableError) return () => new MetadataNotWritableError(reason)
  }
  return undefined
}

/** Asks for a new start once the root directory can be written. Gives what ends the watch. */
export function watchForRoom(root: string, onReplaced: (error: Error) => void): () => Promise<void> {
  let looking: Promise<void> | undefined
  const look = async () => {
    const { bavail, bsize } = await statfs(root)
    if (bavail * bsize < ROOM_BYTES) return
    await probeRoot(root)
    clearInterval(timer)
    onReplaced(new Error('The storage can be written again.'))
  }
  const timer = setInterval(() => {
    // It stays as it is while it cannot be looked at or written.
    looking ??= look()
      .catch(() => undefined)
      .finally(() => {
        looking = undefined
      })
  }, LOOK_EVERY_MS)
  return async () => {
    clearInterval(timer)
    await looking
  }
}
