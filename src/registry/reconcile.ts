import { findRepository } from '../metadata/content.ts'
import type { ContentName } from '../metadata/names.ts'
import { type Metadata, nextNumber } from '../metadata/query.ts'
import { closeScan, openScan, readProperty } from '../metadata/scans.ts'
import type { RepositoryName } from '../oci/name.ts'
import { applyObservation } from './observation.ts'
import type { Observation, StorageView } from './storage-view.ts'

export interface ReconcileOptions {
  readonly metadata: Metadata
  readonly view: StorageView
  readonly processId: string
  readonly epoch: number
}

/** How a row becomes true to the storage again: look, compare, heal (docs/orders-of-writing.md, Scan). */
export class Reconcile {
  readonly #options: ReconcileOptions

  constructor(options: ReconcileOptions) {
    this.#options = options
  }

  get epoch(): number {
    return this.#options.epoch
  }

  /** True for a row that this epoch has compared with the storage; otherwise it is a hint, and so is its absence. */
  isSeen(rowEpoch: number | null | undefined, scannedEpoch: number | undefined): boolean {
    return scannedEpoch === this.epoch || rowEpoch === this.epoch
  }

  /** True when this epoch has seen all names in the storage and this repository is not one of them. */
  async isKnownAbsent(repository: RepositoryName): Promise<boolean> {
    const { read } = this.#options.metadata
    if ((await findRepository(read, repository)) !== undefined) return false
    return Number(await readProperty(read, 'names-epoch')) === this.epoch
  }

  /**
   * Looks at names in the storage and heals their rows. The answer is what the storage said, also where a row was left to the
   * writer who is changing it at this moment.
   */
  async look<Name extends ContentName>(names: readonly Name[]): Promise<readonly ObservationOf<Name>[]> {
    const { healed, left } = await this.heal(names)
    // Their writers may not have come to the sync yet, and others build on what is answered here.
    for (const observation of left) await this.#options.view.makeDurable(observation)
    return [...healed, ...left]
  }

  /** As `look`, telling apart the names whose rows were left to a writer who still has a claim on them. */
  async heal<Name extends ContentName>(
    names: readonly Name[],
  ): Promise<{ readonly healed: ObservationOf<Name>[]; readonly left: ObservationOf<Name>[] }> {
    const { metadata, view, processId, epoch } = this.#options
    const scan = crypto.randomUUID()
    const number = await metadata.write((query) => openScan(query, scan, processId))
    try {
      const observations = await Promise.all(names.map((name) => view.observe(name)))
      return await metadata.write(async (query) => {
        const stamp = { number: await nextNumber(query), epoch }
        const healed: ObservationOf<Name>[] = []
        const left: ObservationOf<Name>[] = []
        for (const observation of observations) {
          const outcome = await applyObservation(query, observation, { number, stamp, operation: '' })
          const place = outcome === 'claimed' ? left : healed
          place.push(observation as ObservationOf<Name>)
        }
        await closeScan(query, scan)
        return { healed, left }
      })
    } catch (error) {
      await metadata.write((query) => closeScan(query, scan))
      throw error
    }
  }
}

/** The observation that looking at a name gives. */
export type ObservationOf<Name extends ContentName> = Extract<Observation, { readonly kind: Name['kind'] }>
