import type { RunningDigest } from '../../oci/digest.ts'
import type { UploadState } from '../../storage/driver.ts'

/** Sessions whose digest this process remembers; the oldest are forgotten first and are read once at their close. */
const MAX_REMEMBERED = 10_000

interface Remembered {
  readonly state: UploadState
  readonly offset: number
  readonly digest: RunningDigest
}

/**
 * The digests of open uploads between their requests. A hash cannot be stored, so it lives here, tied to the file and the offset that
 * it belongs to: after a restart, in another process or after another writer's bytes there is none.
 */
export class RunningDigests {
  readonly #byUpload = new Map<string, Remembered>()

  /** Takes out the digest of exactly these bytes; undefined when this process has not seen them all. */
  take(uploadId: string, state: UploadState, offset: number): RunningDigest | undefined {
    const remembered = this.#byUpload.get(uploadId)
    this.#byUpload.delete(uploadId)
    return remembered?.state === state && remembered.offset === offset ? remembered.digest : undefined
  }

  keep(uploadId: string, remembered: Remembered): void {
    this.#byUpload.set(uploadId, remembered)
    if (this.#byUpload.size <= MAX_REMEMBERED) return
    const [oldest] = this.#byUpload.keys()
    if (oldest !== undefined) this.#byUpload.delete(oldest)
  }

  forget(uploadId: string): void {
    this.#byUpload.delete(uploadId)
  }
}
