import { setDefaultTimeout } from 'bun:test'
import { describeOnEachStore } from '../../../test/support/object-store.ts'
import { openS3Storage, s3Settings } from '../../../test/support/s3-storage.ts'
import { describeStorageFiles } from '../../../test/support/storage-driver-contract.ts'
import { describeStorageLists } from '../../../test/support/storage-list-contract.ts'
import { describeStoragePlace } from '../../../test/support/storage-place-contract.ts'
import { describeStorageUploads } from '../../../test/support/storage-upload-contract.ts'

// A store takes its time, and SeaweedFS lets copies to one key wait for each other, a second apart.
setDefaultTimeout(300_000)

describeOnEachStore('the contract of storage', (store) => {
  const open = async () => await openS3Storage(s3Settings(await store().newBucket(), { rootDirectory: '/some/root/' }))

  describeStorageFiles('the S3 driver', open)
  describeStorageLists('the S3 driver', open)
  describeStoragePlace('the S3 driver', open)
  describeStorageUploads('the S3 driver', open)
})
