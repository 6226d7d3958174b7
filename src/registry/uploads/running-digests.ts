import type { RunningDigest } from '../../oci/digest.ts'
import type { UploadState } from '../../storage/driver.ts'

/** Sessions whose digest this process remembers; the oldest are forgotten first and are read once at their close. */
const MAX_REMEMBERED = 10_000
/** So is the digest of a session that no request has gone on with for so long. */
const FORGET_AFTER_MS = 3_600_000

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
  /** The one that was kept longest ago first. */
  readonly #byUpload = new Map<string, Remembered & { readonly keptAtMs: number }>()
  readonly #now: () => number
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Takes out the digest of exactly these bytes; undefined when this process has not seen them all. */
  take(uploadId: string, state: UploadState, offset: number): RunningDigest | undefined {
    const remembered = this.#byUpload.get(uploadId)
    this.#byUpload.delete(uploadId)
    return remembered?.state === state && remembered.offset === offset ? remembered.digest : undefined
  }

  keep(uploadId: string, remembered: Remembered): void {
    this.#byUpload.delete(uploadId)
    this.#byUpload.set(uploadId, { ...remembered, keptAtMs: this.#now() })
    this.#timer ??= this.#wait()
    if (this.#byUpload.size <= MAX_REMEMBERED) return
    const [oldest] = this.#byUpload.keys()
    if (oldest !== undefined) this.#byUpload.delete(oldest)
  }

  /** Forgets what was kept too long ago, also where no request comes any more. */
  sweep(): void {
    const before = this.#now() - FORGET_AFTER_MS
    for (const [uploadId, { keptAtMs }] of this.#byUpload) {
      if (keptAtMs > before) break
      this.#byUpload.delete(uploadId)
    }
  }

  forget(uploadId: string): void {
    this.#byUpload.delete(uploadId)
  }

  #wait(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.sweep()
      this.#timer = this.#byUpload.size > 0 ? this.#wait() : undefined
    }, FORGET_AFTER_MS)
    timer.unref()
    return timer
  }
}
