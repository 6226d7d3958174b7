import { type ClaimOwner, deleteClaims, listClaimedNames } from '../../metadata/claims.ts'
import { type Metadata, nextNumber } from '../../metadata/query.ts'
import { isLinked, noteChanged } from '../../metadata/repeats/changed-twice.ts'
import { closeScan, openScan } from '../../metadata/scans.ts'
import { applyObservation } from '../heal/observation.ts'
import type { StorageView } from '../heal/storage-view.ts'

export interface SettlementOptions {
  readonly metadata: Metadata
  readonly view: StorageView
  readonly processId: string
  readonly epoch: number
}

/**
 * Ends an operation that will never confirm (docs/orders-of-writing.md, rule 4): looks at the storage for each of its names, sets the rows to what is
 * there and removes its claims, in one transaction that repeats safely. It changes nothing in the storage, but makes durable what it
 * believes: the owner may have died between a rename and its sync.
 */
export class Settlement {
  readonly #options: SettlementOptions

  constructor(options: SettlementOptions) {
    this.#options = options
  }

  /** False when another process was quicker. A tag that the operation has moved was moved by it. */
  async settle({ operation, process, action, actor }: ClaimOwner): Promise<boolean> {
    const { metadata, view, processId, epoch } = this.#options
    const scan = crypto.randomUUID()
    const { names, number } = await metadata.write(async (query) => ({
      names: await listClaimedNames(query, operation),
      number: await openScan(query, scan, processId),
    }))
    try {
      const observations = await Promise.all(names.map((name) => view.observe(name)))
      await Promise.all(observations.map((observation) => view.makeDurable(observation)))
      return await metadata.write(async (query) => {
        await closeScan(query, scan)
        if (!(await deleteClaims(query, operation))) return false
        const stamp = { number: await nextNumber(query), epoch }
        const movedBy = action === undefined || actor === undefined ? undefined : { how: action, actor, atMs: Date.now() }
        for (const observation of observations)
          await applyObservation(query, observation, { number, stamp, operation, movedBy, unknownForMs: 0 })
        // Its requests were answered a moment ago, and may come a second time. Those of a process that died have been waited for.
        if (process === processId) await noteChanged(query, names.filter(isLinked), stamp.number)
        return true
      })
    } catch (error) {
      await metadata.write((query) => closeScan(query, scan))
      throw error
    }
  }
}
