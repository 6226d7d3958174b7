import { type ErrorFacts, RegistryError, unavailable } from '../oci/errors.ts'
import type { UploadState } from './driver.ts'

/**
 * A change had no answer, and the storage may still do it, later than a client waits: it is not known what is there until then. What it changes
 * stays taken for so long.
 */
export class StillUnderWayError extends RegistryError {
  readonly lateMs: number

  constructor(lateMs: number, options: { readonly cause: unknown }) {
    super('UNAVAILABLE', {
      message: 'The storage behind the registry did not answer, and may still do what it was asked; try again later.',
      retryAfterSeconds: Math.ceil(lateMs / 1000),
      ...options,
    })
    this.lateMs = lateMs
  }
}

/**
 * The storage did not do what it was asked, which may concern one path alone. A client hears UNAVAILABLE: nothing of this is its fault,
 * and nothing means 'absent'.
 */
export class StorageFault extends RegistryError {
  constructor({ message, ...facts }: ErrorFacts) {
    super('UNAVAILABLE', {
      message:
        message ?? 'The storage of the registry did not give or take what the request needs; the log of the registry says why.',
      retryAfterSeconds: 5,
      ...facts,
    })
  }
}

/** What a push hears when nothing more fits. */
export class StorageFullError extends RegistryError {
  constructor(cause?: unknown) {
    super('UNAVAILABLE', {
      message: 'The storage is full: nothing more can be pushed until space is freed; pulls and deletes go on.',
      retryAfterSeconds: 60,
      cause,
    })
  }
}

export function storageFull(cause?: unknown): RegistryError {
  return new StorageFullError(cause)
}

/** What whatever changes the storage hears while nothing can be changed there. */
export function storageReadOnly(cause?: unknown): RegistryError {
  return unavailable(
    'The file system of the storage is read-only: nothing can be pushed or deleted until that is mended; pulls go on.',
    {
      retryAfterSeconds: 60,
      cause,
    },
  )
}

export class FileTooLargeError extends Error {
  override readonly name = 'FileTooLargeError'
}

export class UploadGoneError extends Error {
  override readonly name = 'UploadGoneError'
}

export function uploadGone(state: UploadState, cause?: unknown): UploadGoneError {
  return new UploadGoneError(`upload ${state} has lost its bytes`, { cause })
}
