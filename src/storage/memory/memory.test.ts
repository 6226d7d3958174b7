import { describeStorageFiles } from '../../../test/support/storage-driver-contract.ts'
import { describeStorageLists } from '../../../test/support/storage-list-contract.ts'
import { describeStoragePlace } from '../../../test/support/storage-place-contract.ts'
import { describeStorageUploads } from '../../../test/support/storage-upload-contract.ts'
import { MemoryDriver } from './memory.ts'

/** What one process has in its memory no other can see. */
async function open() {
  return { driver: new MemoryDriver(), other: undefined, cleanUp: () => undefined }
}

describeStorageFiles('the memory driver', open)
describeStorageLists('the memory driver', open)
describeStoragePlace('the memory driver', open)
describeStorageUploads('the memory driver', open)
