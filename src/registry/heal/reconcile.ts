import { findRepository } from '../../metadata/content.ts'
import type { ContentName } from '../../metadata/names.ts'
import { isPassedOver } from '../../metadata/passed-over.ts'
import { type Metadata, MetadataNotWritableError, nextNumber } from '../../metadata/query.ts'
import { closeScan, openScan, readProperty } from '../../metadata/scans.ts'
import { unavailable } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { type Applied, applyObservation } from './observation.ts'
import { type Look, StorageLook } from './storage-look.ts'
import type { Observation, ObservationOf, StorageView } from './storage-view.ts'

/** Names that are looked at side by side, and rows that are written in one transaction. */
const AT_ONCE = 200
/** One transaction writes no more: 10 ms. */
const ROWS_AT_ONCE = 250
/** How often, and with what pause, a name is looked at again whose row a writer is changing. */
const ROUNDS_FOR_LEFT = 200
const PAUSE_FOR_LEFT_MS = 60

export interface ReconcileOptions {
  readonly metadata: Metadata
  readonly view: StorageView
  readonly processId: string
  readonly epoch: number
  /** How much longer than what was pushed here that is left alone of which nothing was known, in milliseconds. */
  readonly unknownForMs: number
}

/** How a row becomes true to the storage again: look, compare, heal (docs/orders-of-writing.md, Scan). */
export class Reconcile implements Look {
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

  /** True when this epoch has seen all names in the storage and this repository neither is one of them nor may be one that it passed over. */
  async isKnownAbsent(repository: RepositoryName): Promise<boolean> {
    const { read } = this.#options.metadata
    if ((await findRepository(read, repository)) !== undefined) return false
    if (Number(await readProperty(read, 'names-epoch')) !== this.epoch) return false
    return !(await isPassedOver(read, this.epoch, repository))
  }

  /**
   * Looks at names in the storage and heals their rows. The answer is what the storage said, also where a row was left to the
   * writer who is changing it at this moment, and where the disk of the metadata is full: pulls go on then.
   */
  async look<Name extends ContentName>(names: readonly Name[]): Promise<readonly ObservationOf<Name>[]> {
    try {
      return await this.#lookAndHeal(names)
    } catch (error) {
      if (!(error instanceof MetadataNotWritableError)) throw error
      return await new StorageLook(this.#options.view).look(names)
    }
  }

  async #lookAndHeal<Name extends ContentName>(names: readonly Name[]): Promise<readonly ObservationOf<Name>[]> {
    const { healed, left, doubted } = await this.heal(names)
    if (doubted.length > 0) throw unavailable('What was changed twice a moment ago is compared with the storage; try again soon.')
    // Their writers may not have come to the sync yet, and others build on what is answered here.
    for (const observation of left) await this.#options.view.makeDurable(observation)
    return [...healed, ...left]
  }

  /** As `look`, telling apart the names whose rows were left to a writer who still has a claim on them. */
  async heal<Name extends ContentName>(names: readonly Name[]): Promise<Healed<ObservationOf<Name>>> {
    const { view } = this.#options
    const healed: ObservationOf<Name>[] = []
    const doubted: ObservationOf<Name>[] = []
    const observes = names.map((name) => async () => (await view.observe(name)) as ObservationOf<Name>)
    const left = await this.healBy(async () => observes, {
      atOnce: AT_ONCE,
      onHealed: (seen) => healed.push(seen),
      onDoubted: (seen) => doubted.push(seen),
    })
    return { healed, left, doubted }
  }

  /**
   * Heals rows by observations, of which so many are made side by side and written in one transaction. All that is believed must be read
   * within `find` and what it gives: the scan is open by then, so that a row which a writer changes meanwhile is newer. What was read
   * before would undo that change. Gives those that were left to a writer, or are in doubt.
   */
  async healBy<Seen extends Observation>(
    find: () => Promise<readonly Observe<Seen>[]>,
    { atOnce, onHealed, onDoubted }: HealBy<Seen>,
  ): Promise<readonly Seen[]> {
    const { metadata, processId } = this.#options
    const scan = crypto.randomUUID()
    const number = await metadata.write((query) => openScan(query, scan, processId))
    try {
      const observes = await find()
      const left: Seen[] = []
      for (let start = 0; start === 0 || start < observes.length; start += atOnce) {
        const observed = await Promise.all(observes.slice(start, start + atOnce).map((observe) => observe()))
        const rows = observed.filter((seen) => seen !== undefined)
        const notApplied = await this.#apply(rows, { scan, number, isLast: start + atOnce >= observes.length })
        for (const seen of rows) {
          if (notApplied.has(seen)) left.push(seen)
          else onHealed?.(seen)
          if (notApplied.get(seen) === 'changed twice') onDoubted?.(seen)
        }
      }
      return left
    } catch (error) {
      await metadata.write((query) => closeScan(query, scan))
      throw error
    }
  }

  /** Heals every name, waiting for the writers who have a claim on one. Throws UNAVAILABLE when one of them takes too long. */
  async healAll(names: readonly ContentName[], signal?: AbortSignal): Promise<void> {
    let left: ContentName[] = []
    for (let start = 0; start < names.length; start += AT_ONCE) {
      const result = await this.heal(names.slice(start, start + AT_ONCE))
      left.push(...result.left.map((observation) => observation.name))
    }
    for (let round = 0; left.length > 0; round += 1) {
      if (round === ROUNDS_FOR_LEFT) throw unavailable('A name stays taken by another request; the scan is tried again later.')
      await Bun.sleep(PAUSE_FOR_LEFT_MS)
      signal?.throwIfAborted()
      left = (await this.heal(left)).left.map((observation) => observation.name)
    }
  }

  /** The last transaction closes the scan. Gives those that were left to a writer with a claim, or to a look that is to come. */
  async #apply<Seen extends Observation>(observations: readonly Seen[], open: OpenScan): Promise<ReadonlyMap<Seen, Applied>> {
    const parts = partsOf(observations)
    const left: [Seen, Applied][] = []
    for (const [index, part] of parts.entries())
      left.push(...(await this.#applyPart(part, { ...open, isLast: open.isLast && index === parts.length - 1 })))
    return new Map(left)
  }

  /** In one transaction. */
  async #applyPart<Seen extends Observation>(observations: readonly Seen[], open: OpenScan): Promise<readonly [Seen, Applied][]> {
    const { metadata, epoch, unknownForMs } = this.#options
    return await metadata.write(async (query) => {
      const stamp = { number: await nextNumber(query), epoch }
      const left: [Seen, Applied][] = []
      for (const observation of observations) {
        const outcome = await applyObservation(query, observation, { number: open.number, stamp, operation: '', unknownForMs })
        if (outcome === 'claimed' || outcome === 'changed twice') left.push([observation, outcome])
      }
      if (open.isLast) await closeScan(query, open.scan)
      return left
    })
  }
}

/** One at least, of so many rows at most, but for an observation that has more by itself: other requests have their turn between two parts. */
function partsOf<Seen extends Observation>(observations: readonly Seen[]): readonly (readonly Seen[])[] {
  const parts: Seen[][] = []
  let part: Seen[] = []
  let rows = 0
  for (const observation of observations) {
    if (part.length > 0 && rows + rowsOf(observation) > ROWS_AT_ONCE) {
      parts.push(part)
      part = []
      rows = 0
    }
    part.push(observation)
    rows += rowsOf(observation)
  }
  return [...parts, part]
}

function rowsOf(observation: Observation): number {
  switch (observation.kind) {
    case 'manifest':
      return 2 + (observation.found?.content?.manifest.references.length ?? observation.unserved?.names?.length ?? 0)
    case 'link':
      return 2
    case 'tag':
    case 'blob':
    case 'repository':
      return 1
  }
}

interface OpenScan {
  readonly scan: string
  readonly number: number
  /** Nothing more is written by it. */
  readonly isLast: boolean
}

/** Looks at the storage; undefined: there is nothing to be written. */
export type Observe<Seen extends Observation> = () => Promise<Seen | undefined>

export interface HealBy<Seen extends Observation> {
  readonly atOnce: number
  readonly onHealed?: (seen: Seen) => void
  readonly onDoubted?: (seen: Seen) => void
}

/** `left`: rows that were not changed, because an operation claims the name or a repeated request may have changed the storage. `doubted`: the latter of them. */
export interface Healed<Seen extends Observation> {
  readonly healed: readonly Seen[]
  readonly left: readonly Seen[]
  readonly doubted: readonly Seen[]
}
