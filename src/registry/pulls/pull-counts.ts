import {
  countAllPulls,
  findPullSums,
  listPullDays,
  NO_PULLS,
  type PullDayRow,
  type PullSums,
  WHOLE_REPOSITORY,
} from '../../metadata/pulls/counts.ts'
import { dayNumberOf } from '../../metadata/pulls/notes.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference } from '../../oci/reference.ts'
import { Rest } from '../rest.ts'

const AT_ONCE = 100
const DAYS_SHOWN = 30

/** How often one thing was pulled. */
export interface ShownPulls extends PullSums {
  /** The last 30 days on which it was, the oldest first. */
  readonly byDay: readonly PullDayRow[]
}

/** How often repositories, and what is in them, were pulled. What came in the last minute is not counted yet. */
export class PullCounts {
  readonly #metadata: Metadata

  constructor(metadata: Metadata) {
    this.#metadata = metadata
  }

  /** Of one tag, of a manifest by whatever name, or of the whole repository. */
  async of(repository: RepositoryName, reference: Reference | typeof WHOLE_REPOSITORY): Promise<ShownPulls> {
    const { read } = this.#metadata
    const today = dayNumberOf(Date.now())
    const sums = await findPullSums(read, repository, [reference], today)
    const byDay = await listPullDays(read, repository, reference, today - DAYS_SHOWN + 1)
    return { ...(sums.get(reference) ?? NO_PULLS), byDay }
  }

  async ofRepository(repository: RepositoryName): Promise<ShownPulls & { readonly total: number }> {
    const pulls = await this.of(repository, WHOLE_REPOSITORY)
    return { ...pulls, total: await countAllPulls(this.#metadata.read, repository) }
  }

  /** Of some, those that were pulled; in turns. */
  async sums(repository: RepositoryName, references: readonly Reference[]): Promise<ReadonlyMap<string, PullSums>> {
    const found = new Map<string, PullSums>()
    const today = dayNumberOf(Date.now())
    const rest = new Rest()
    for (let start = 0; start < references.length; start += AT_ONCE) {
      const some = references.slice(start, start + AT_ONCE)
      for (const [name, sums] of await findPullSums(this.#metadata.read, repository, some, today)) found.set(name, sums)
      await rest.after(0)
    }
    return found
  }
}
