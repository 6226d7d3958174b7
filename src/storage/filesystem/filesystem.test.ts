import { describeStorageFiles } from '../../../test/support/storage-driver-contract.ts'
import { describeStoragePlace } from '../../../test/support/storage-place-contract.ts'
import { describeStorageUploads } from '../../../test/support/storage-upload-contract.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { openDisk } from './disk.ts'
import { FilesystemDriver } from './filesystem.ts'

/** Two drivers on one folder see each other as two processes do. */
async function open() {
  const folder = new TemporaryFolder()
  const driver = await FilesystemDriver.open(await openDisk(folder.path), folder.path)
  const other = await FilesystemDriver.open(await openDisk(folder.path), folder.path)
  return { driver, other, cleanUp: () => folder[Symbol.dispose]() }
}

describeStorageFiles('the filesystem driver', open)
describeStoragePlace('the filesystem driver', open)
describeStorageUploads('the filesystem driver', open)
