import { unavailable } from '../oci/errors.ts'
import { within } from '../runtime/deadline.ts'

const LOOK_EVERY_MS = 1_000
/** A storage that does not answer is no storage that is gone: requests find that out themselves. */
const LONGEST_LOOK_MS = 2_000

/** What the other processes serve is not there: a directory that is empty now is no fresh start. The message says what to do. */
export class StorageGoneError extends Error {
  override readonly name = 'StorageGoneError'
}

export interface StorageGateOptions {
  /** What tells this storage from any other at its place; undefined: there is none. Throws when it cannot be looked at. */
  readonly findSign: () => Promise<string | undefined>
  readonly sign: string
  /** At once, whether it is still the very storage in which that sign was found last. Left out: only another look tells. */
  readonly isUnchanged?: () => boolean
  /** The id of the storage, if it has one. */
  readonly store: string | undefined
  readonly onGone: () => void
  /** What was learned meanwhile may be wrong: the process is to start anew. */
  readonly onBack: () => void
}

/**
 * Closed while the storage that is served is not at its place: it was unmounted or moved away, and what lies there now is another one, or
 * none. An empty directory is no fresh start then: nothing is answered, and nothing made, until the storage is back.
 */
export class StorageGate {
  readonly #options: StorageGateOptions
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #isOpen = true

  constructor(options: StorageGateOptions) {
    this.#options = options
  }

  get store(): string | undefined {
    return this.#options.store
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Looks each second from now on. */
  watch(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  /** Throws UNAVAILABLE while the storage is gone. */
  require(): void {
    if (this.#isOpen) return
    throw unavailable('The storage of the registry is not there; try again when its operator has brought it back.', {
      retryAfterSeconds: 10,
    })
  }

  /** For a request that has failed or found nothing: throws UNAVAILABLE where that is because the storage has just gone. */
  async requireNow(): Promise<void> {
    // A push asks for each of its blobs before it brings it: reading the sign for each of these answers is two trips to the file pool.
    if (!this.#isOpen || this.#options.isUnchanged?.() !== true) await this.look()
    this.require()
  }

  /** Never throws. */
  async look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    await this.#looking
  }

  async #look(): Promise<void> {
    const isHere = this.#options.findSign().then(
      (sign) => sign === this.#options.sign,
      () => 'unknown' as const,
    )
    const answer = await within(isHere, LONGEST_LOOK_MS, 'unknown')
    if (answer === 'unknown' || answer === this.#isOpen) return
    this.#isOpen = answer
    if (answer) this.#options.onBack()
    else this.#options.onGone()
  }
}
