import { DIGEST_ALGORITHMS } from '../../../oci/digest.ts'
import { findRepositoryName } from '../../../oci/name.ts'
import { findStoragePath, type StorageDriver, type StoragePath } from '../../../storage/driver.ts'
import { layout } from '../../../storage/layout.ts'

/** True when the layout has names that nothing here understands, a repository's or an algorithm's: what lies below them may need anything. */
export async function hasUnknownNames(storage: StorageDriver, signal: AbortSignal): Promise<boolean> {
  const known: readonly string[] = DIGEST_ALGORITHMS
  if ((await storage.list(layout.blobs)).some((name) => !known.includes(name))) return true
  const waiting: StoragePath[] = [layout.repositories]
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    signal.throwIfAborted()
    for (const name of await storage.list(directory)) {
      if (name.startsWith('_')) continue
      const path = findStoragePath(`${directory}/${name}`)
      if (path === undefined || findRepositoryName(path.slice(layout.repositories.length + 1)) === undefined) return true
      waiting.push(path)
    }
  }
  return false
}
