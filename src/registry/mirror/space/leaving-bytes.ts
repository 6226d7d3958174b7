import type { CondemnedLink } from '../../../metadata/collecting/links.ts'
import { addLeaving, endLeaving } from '../../../metadata/mirroring/leaving.ts'
import type { Metadata } from '../../../metadata/query.ts'
import type { StorageDriver } from '../../../storage/driver.ts'
import type { Leaving } from '../../collect/removal.ts'

export interface LeavingBytesOptions {
  readonly metadata: Metadata
  readonly storage: Pick<StorageDriver, 'untilFreed'>
  readonly processId: string
  readonly epoch: number
}

/**
 * Links go before bytes, so that a mirror counts less than it has for as long as a removal takes: a fetch of any process that was let in then would find
 * no room. Rows say meanwhile how much that is at most.
 */
export class LeavingBytes implements Leaving {
  readonly #options: LeavingBytesOptions

  constructor(options: LeavingBytesOptions) {
    this.#options = options
  }

  async during<Result>(links: readonly CondemnedLink[], removal: () => Promise<Result>): Promise<Result> {
    const { metadata, storage, processId: process, epoch } = this.#options
    if (links.length === 0) return await removal()
    const name = { id: crypto.randomUUID(), process, epoch }
    await metadata.write((query) => addLeaving(query, name, links))
    try {
      const removed = await removal()
      await storage.untilFreed()
      return removed
    } finally {
      await metadata.write((query) => endLeaving(query, name))
    }
  }
}
