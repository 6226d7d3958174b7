import { join } from 'node:path'
import { type FilePage, findStoragePath, type ListedFile, type StoragePath } from '../driver.ts'
import { comesAfter, FILES_IN_A_PAGE, pageOf } from '../file-page.ts'
import type { Disk } from './disk.ts'

/** A page of the files below a directory of a root; see StorageDriver.listFiles. Their bytes have not been hashed. */
export async function listFilesBelow(disk: Disk, root: string, directory: StoragePath, after = ''): Promise<FilePage> {
  const files: ListedFile[] = []
  for await (const file of walk(disk, root, directory, after)) {
    files.push(file)
    if (files.length === FILES_IN_A_PAGE) break
  }
  return pageOf(files)
}

async function* walk(disk: Disk, root: string, directory: StoragePath, after: string): AsyncGenerator<ListedFile> {
  for (const name of (await disk.list(join(root, directory))).sort()) {
    const path = findStoragePath(`${directory}/${name}`)
    if (path === undefined || !(comesAfter(path, after) || after.startsWith(`${path}/`))) continue
    const entry = await disk.stat(join(root, path))
    if (entry?.isDirectory === true) yield* walk(disk, root, path, after)
    else if (entry !== undefined) yield { path, size: entry.size, changedAtMs: entry.modifiedAtMs, md5: undefined }
  }
}
