import { unavailable } from '../../oci/errors.ts'
import { within } from '../../runtime/deadline.ts'
import type { BlobStore } from '../content/blob-store.ts'
import type { ManifestStore } from '../content/manifest-store.ts'

/** As long as a request waits for a name that another one has taken. */
const PATIENCE_MS = 10_000

/**
 * The time in which another database may still be at work on the storage (docs/orders-of-writing.md, On an object store): pulls are answered
 * from the storage alone, everything else waits.
 */
export class Handover {
  /** Answer by what the storage says at this moment. */
  readonly blobs: BlobStore
  readonly manifests: ManifestStore
  #over: PromiseWithResolvers<void> | undefined

  constructor(reads: Pick<Handover, 'blobs' | 'manifests'>) {
    this.blobs = reads.blobs
    this.manifests = reads.manifests
  }

  get isPending(): boolean {
    return this.#over !== undefined
  }

  begin(): void {
    this.#over ??= Promise.withResolvers<void>()
    // There may be no request that waits.
    this.#over.promise.catch(() => undefined)
  }

  /** This database is the only one: its rows and its claims hold again. */
  end(): void {
    this.#over?.resolve()
    this.#over = undefined
  }

  /** The other database stays; the requests that wait are woken. */
  refuse(): void {
    this.#over?.reject(stillPending())
  }

  /** Resolves when it is over, or was never needed. Throws UNAVAILABLE after 10 s. */
  async wait(): Promise<void> {
    if (this.#over === undefined) return
    if ((await within(this.#over.promise, PATIENCE_MS, 'late')) === 'late') throw stillPending()
  }
}

function stillPending() {
  return unavailable(
    'Another registry was at work on this storage a moment ago; only pulls are answered until it has ended. Try again later.',
    {
      retryAfterSeconds: 10,
    },
  )
}
