import type { Metadata, Query } from '../../metadata/query.ts'
import { unavailable } from '../../oci/errors.ts'
import { within } from '../../runtime/deadline.ts'
import type { BlobStore } from '../content/blob-store.ts'
import type { ManifestStore } from '../content/manifest-store.ts'

/** As long as a request waits for a name that another one has taken. */
const PATIENCE_MS = 10_000

/**
 * The time in which another database may still be at work on the storage (docs/orders-of-writing.md, On an object store), or the own one cannot be
 * asked: pulls are answered from the storage alone, everything else waits or is refused.
 */
export class Handover {
  /** Answer by what the storage says at this moment. */
  readonly blobs: BlobStore
  readonly manifests: ManifestStore
  #over: PromiseWithResolvers<void> | undefined
  #isAway = false

  constructor(storesOf: (isAway: () => boolean) => Pick<Handover, 'blobs' | 'manifests'>) {
    const reads = storesOf(() => this.#isAway)
    this.blobs = reads.blobs
    this.manifests = reads.manifests
  }

  /** The own database cannot be asked. */
  get isAway(): boolean {
    return this.#isAway
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
    this.#over?.reject(this.#stillPending())
  }

  /** The own database cannot be asked any more by this process: pulls are answered as before, and no request waits. */
  beAway(): void {
    this.#isAway = true
    this.begin()
    this.refuse()
  }

  /** Resolves when it is over, or was never needed. Throws UNAVAILABLE after 10 s. */
  async wait(): Promise<void> {
    if (this.#over === undefined) return
    if ((await within(this.#over.promise, PATIENCE_MS, 'late')) === 'late') throw this.#stillPending()
  }

  #stillPending() {
    return this.#isAway ? unavailable(AWAY, { retryAfterSeconds: 5 }) : unavailable(ANOTHER, { retryAfterSeconds: 10 })
  }
}

const AWAY = 'The metadata database cannot be used at the moment: only pulls are answered until it can. Try again in a moment.'
const ANOTHER =
  'Another registry was at work on this storage a moment ago; only pulls are answered until it has ended. Try again later.'

/** Says that there is no row, while the database cannot be asked: what answers by the storage alone goes on then. */
export function unlessAway(metadata: Metadata, isAway: () => boolean): Metadata {
  const read: Query = {
    all: async (sql, ...values) => (isAway() ? [] : await metadata.read.all(sql, ...values)),
    get: async (sql, ...values) => (isAway() ? undefined : await metadata.read.get(sql, ...values)),
    run: async (sql, ...values) => await metadata.read.run(sql, ...values),
  }
  return {
    read,
    revision: () => (isAway() ? 0 : metadata.revision()),
    isRemote: metadata.isRemote ?? false,
    write: async (operation, within) => await metadata.write(operation, within),
    warm: metadata.warm,
  }
}
