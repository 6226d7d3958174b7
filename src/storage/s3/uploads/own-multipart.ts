import type { Multipart } from '../../upload-ledger.ts'
import type { Bucket } from '../bucket.ts'
import { S3Error } from '../requests/s3-error.ts'

/**
 * Begins a multipart upload under a key that nobody else uses: nothing stays of attempts whose answer was lost, though the store may have begun an
 * upload for each.
 */
export async function createOwnMultipart(bucket: Bucket, key: string): Promise<Multipart> {
  let hasFailed = false
  let begun: Multipart | undefined
  try {
    begun = await bucket.createMultipart(key, () => {
      hasFailed = true
    })
    return begun
  } finally {
    if (hasFailed) await abortOthers(bucket, key, begun)
  }
}

/** Where the store does not answer to this either, they stay until the hourly look for leftovers. */
async function abortOthers(bucket: Bucket, key: string, kept: Multipart | undefined): Promise<void> {
  try {
    for (const other of await bucket.listMultiparts(key))
      if (other.key === key && other.uploadId !== kept?.uploadId) await bucket.abort(other)
  } catch (error) {
    if (!(error instanceof S3Error)) throw error
  }
}
