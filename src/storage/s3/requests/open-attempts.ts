import { StillUnderWayError } from '../../storage-errors.ts'
import type { S3Error } from './s3-error.ts'

/** How long a signature that expires is good for: longer than an attempt without a body may take. */
export const EXPIRES_SECONDS = 15
/** The store's clock is known to a second, and it may have several. */
const CLOCK_MARGIN_MS = 2_000
/** How long a request may be on its way to a store that does not look at the time of signatures. */
const UNREFUSED_MS = 15 * 60_000
/** Clients wait for an answer for about 30 s. */
const LONGEST_WAIT_MS = 20_000

/** For how long the store may still do what was sent, and had no answer. */
export function lateMsOf(store: { readonly expiresSeconds: number; readonly refusesLate: boolean }): number {
  return store.refusesLate ? store.expiresSeconds * 1000 + CLOCK_MARGIN_MS : UNREFUSED_MS
}

/** Attempts of one request that the store may still get: they had no answer of it, and it would still do what they ask. */
export class OpenAttempts {
  readonly #lateMs: number
  #untilMs = 0
  #last: S3Error | undefined

  constructor(lateMs: number) {
    this.#lateMs = lateMs
  }

  /** An attempt failed a moment ago; it was signed before that. */
  note(failure: S3Error): void {
    if (!mayStillCome(failure)) return
    this.#untilMs = performance.now() + this.#lateMs
    this.#last = failure
  }

  /** Whether the store may still get one. */
  get areOpen(): boolean {
    return this.#leftMs() > 0
  }

  /** Resolves when none of them can do anything any more. Throws StillUnderWayError when no client would wait for that. */
  async over(): Promise<void> {
    const leftMs = this.#leftMs()
    if (leftMs > LONGEST_WAIT_MS) throw new StillUnderWayError(leftMs, { cause: this.#last })
    for (let ms = leftMs; ms > 0; ms = this.#leftMs()) await Bun.sleep(ms)
  }

  #leftMs(): number {
    return this.#untilMs - performance.now()
  }
}

/** A gateway that gave up on the store may have passed the request on: its answer bears no word of S3. */
function mayStillCome({ status, s3Code, isUnsent }: S3Error): boolean {
  return status === undefined ? !isUnsent : status >= 500 && s3Code === ''
}
