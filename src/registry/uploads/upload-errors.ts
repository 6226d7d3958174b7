import type { UploadRow } from '../../metadata/uploads.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'

/** The session has ended, or never was. */
export function uploadUnknown(uploadId: string, cause?: unknown): RegistryError {
  return new RegistryError('BLOB_UPLOAD_UNKNOWN', { detail: { uploadId }, cause })
}

/** Tells the client where to go on. */
export function outOfOrder(row: UploadRow): RegistryError {
  return new RegistryError('RANGE_INVALID', {
    message: `The chunk does not start where the upload ends; go on from byte ${row.byteOffset}.`,
    detail: { uploadId: row.id, offset: row.byteOffset },
  })
}

export function digestMismatch(expected: Digest, actual: Digest): RegistryError {
  return new RegistryError('DIGEST_INVALID', {
    message: 'The uploaded bytes do not have this digest; push them again.',
    detail: { expected, actual },
  })
}
