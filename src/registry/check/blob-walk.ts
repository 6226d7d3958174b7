import type { ListedFile, StorageDriver, StoragePath } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { StorageFault } from '../../storage/storage-errors.ts'

export interface BlobWalk {
  /** The last file that was seen before; left out, from the beginning. */
  readonly after?: string | undefined
  /** Is told of a directory that cannot be read, which the walk then passes over; throws what ends the walk. */
  readonly onUnreadable: (path: StoragePath, fault: StorageFault) => Promise<void>
}

/** Every file below the directory of blobs, in an order that stays: a page of them at a time, each read when it is asked for. */
export async function* walkBlobs(
  storage: StorageDriver,
  { after = '', onUnreadable }: BlobWalk,
): AsyncGenerator<readonly ListedFile[]> {
  for (const directory of directoriesOf(storage)) {
    const begun = after.slice(0, directory.length)
    if (directory < begun) continue
    let next = directory === begun && after !== '' ? after : undefined
    do {
      try {
        const page = await storage.listFiles(directory, next)
        next = page.next
        yield page.files
      } catch (error) {
        if (!(error instanceof StorageFault)) throw error
        await onUnreadable(directory, error)
        next = undefined
      }
    } while (next !== undefined)
  }
}

/** Of a disk a part may be unreadable while the rest is not; an object store has one list. */
function directoriesOf({ capabilities }: StorageDriver): readonly StoragePath[] {
  return capabilities.listsWhole ? [layout.blobs] : layout.blobShards().map(({ path }) => path)
}
