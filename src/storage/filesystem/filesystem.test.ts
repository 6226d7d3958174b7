import { describeStorageFiles } from '../../../test/support/storage-driver-contract.ts'
import { describeStoragePlace } from '../../../test/support/storage-place-contract.ts'
import { describeStorageUploads } from '../../../test/support/storage-upload-contract.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { WatchedDisk } from '../../../test/support/watched-disk.ts'
import { openDisk } from './disk.ts'
import { FilesystemDriver } from './filesystem.ts'

/** Two drivers on one folder see each other as two processes do. */
function openOn(disks: { readonly syncsNames: boolean }) {
  return async () => {
    const folder = new TemporaryFolder()
    const openDriver = async () => {
      const disk = new WatchedDisk(await openDisk(folder.path), folder.path, disks)
      return await FilesystemDriver.open(disk, folder.path)
    }
    return { driver: await openDriver(), other: await openDriver(), cleanUp: () => folder[Symbol.dispose]() }
  }
}

for (const syncsNames of [true, false]) {
  const name = syncsNames ? 'the filesystem driver' : 'the filesystem driver where names must be synced'
  describeStorageFiles(name, openOn({ syncsNames }))
  describeStoragePlace(name, openOn({ syncsNames }))
  describeStorageUploads(name, openOn({ syncsNames }))
}
