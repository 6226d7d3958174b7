import { RegistryError } from '../../oci/errors.ts'

/** Nothing can be written to the metadata database: its disk is full or read-only. What was read from it holds. */
export class MetadataNotWritableError extends RegistryError {
  constructor(cause: unknown) {
    super('UNAVAILABLE', {
      message:
        'The disk of the metadata database is full or read-only: nothing can be pushed or deleted until that is mended; pulls go on.',
      retryAfterSeconds: 60,
      cause,
    })
  }
}

/** True for what SQLite says where the disk takes nothing more; the last one is for the file of its shared memory. */
export function isNotWritable(code: string): boolean {
  return code === 'SQLITE_FULL' || code.startsWith('SQLITE_READONLY') || code === 'SQLITE_IOERR_SHMSIZE'
}
