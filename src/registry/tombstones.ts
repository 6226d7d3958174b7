import { currentNumber, type Metadata, type Query } from '../metadata/query.ts'
import { MOST_TOMBSTONES, purgeTombstones } from '../metadata/scans.ts'
import { Portion } from './portion.ts'

/** Removes the rows of what is gone, from one run to the next: younger ones stay, for requests that looked before and write after. */
export class Tombstones {
  readonly #metadata: Metadata
  readonly #epoch: number
  /** The counter at the last run. */
  #upTo = 0

  constructor(metadata: Metadata, epoch: number) {
    this.#metadata = metadata
    this.#epoch = epoch
  }

  /** Ends early when the signal aborts; the next run goes on. */
  async purge(signal: AbortSignal): Promise<void> {
    const upTo = this.#upTo
    this.#upTo = await currentNumber(this.#metadata.read)
    // Each lies at a place of its own in the database: how long it takes depends on the machine, and on how large that is.
    const portion = new Portion({ most: MOST_TOMBSTONES })
    const purgeSome = (query: Query) => purgeTombstones(query, this.#epoch, upTo, portion.size)
    for (let isMore = upTo > 0; isMore && !signal.aborted; ) isMore = await portion.write(this.#metadata, purgeSome)
  }
}
