import type { Metadata } from '../../metadata/query.ts'
import { listTagKeys, type TagKey, type TagKeyRow } from '../../metadata/shown/tags.ts'
import { RegistryError, unavailable } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { Semaphore } from '../../runtime/semaphore.ts'
import type { PullCounts } from '../pulls/pull-counts.ts'
import { Rest } from '../rest.ts'
import { sortedInTurns } from '../sorted-in-turns.ts'
import { compareTags, type OrderedTag, placeOf, type TagSort } from './tag-order.ts'

/** A repository with more tags is listed by name alone. */
export const MOST_SORTED = 100_000
const ROWS_AT_ONCE = 1_000
/** What was read is given again for so long. */
const KEPT_MS = 5_000
/** Tags that are kept together, about 200 bytes each. */
const MOST_KEPT = 200_000
const MOST_WAITING = 100

export class TooManyTags extends RegistryError {
  constructor() {
    super('UNSUPPORTED', {
      message: `A repository with more than ${MOST_SORTED} tags is not sorted; list its tags by name, with sort=name.`,
    })
  }
}

export interface ScannedRepository {
  readonly id: number
  readonly name: RepositoryName
}

const KEYS: Readonly<Record<TagSort, TagKey>> = {
  ...{ name: 'none', version: 'none', pulls: 'none' },
  ...{ created: 'created', moved: 'moved', size: 'size' },
}

interface KeptTags {
  readonly untilMs: number
  readonly tags: readonly OrderedTag[]
}

/** All tags of a repository, sorted, where no index has their order. They are read and sorted in turns, and kept for a moment. */
export class OrderedTags {
  readonly #metadata: Metadata
  readonly #pulls: Pick<PullCounts, 'sums'>
  /** The oldest first. */
  readonly #kept = new Map<string, KeptTags>()
  readonly #turns = new Semaphore(1)

  constructor({ metadata, pulls }: { readonly metadata: Metadata; readonly pulls: Pick<PullCounts, 'sums'> }) {
    this.#metadata = metadata
    this.#pulls = pulls
  }

  /** In ascending order. Throws UNSUPPORTED for a repository with too many tags, UNAVAILABLE where too many requests wait, and the reason of the signal. */
  async of(repository: ScannedRepository, sort: TagSort, signal: AbortSignal): Promise<readonly OrderedTag[]> {
    const key = `${repository.id} ${sort}`
    const known = this.#find(key)
    if (known !== undefined) return known
    if (this.#turns.waiting >= MOST_WAITING) throw unavailable('Too many lists of tags are being sorted; ask again in a moment.')
    return await this.#turns.run(async () => this.#find(key) ?? this.#keep(key, await this.#read(repository, sort, signal)))
  }

  #find(key: string): readonly OrderedTag[] | undefined {
    const kept = this.#kept.get(key)
    return kept !== undefined && kept.untilMs > performance.now() ? kept.tags : undefined
  }

  async #read({ id, name }: ScannedRepository, sort: TagSort, signal: AbortSignal): Promise<readonly OrderedTag[]> {
    const slices: (readonly OrderedTag[])[] = []
    let count = 0
    const rest = new Rest()
    for (let last = ''; ; ) {
      signal.throwIfAborted()
      const rows = await listTagKeys(this.#metadata.read, id, { key: KEYS[sort], after: last, limit: ROWS_AT_ONCE })
      count += rows.length
      if (count > MOST_SORTED) throw new TooManyTags()
      slices.push(await this.#ordered(name, rows, sort))
      const end = rows.at(-1)
      if (rows.length < ROWS_AT_ONCE || end === undefined) break
      last = end.tag
      await rest.after(0)
    }
    return await sortedInTurns(slices, (one, other) => compareTags(sort, one, other))
  }

  async #ordered(name: RepositoryName, rows: readonly TagKeyRow[], sort: TagSort): Promise<readonly OrderedTag[]> {
    const tags = rows.map(({ tag }) => tag)
    const pulls = sort === 'pulls' ? await this.#pulls.sums(name, tags) : undefined
    return rows.map(({ tag, digest, value }) => {
      const place = placeOf(tag, pulls === undefined ? value : (pulls.get(tag)?.days30 ?? 0), sort)
      return { ...place, digest }
    })
  }

  #keep(key: string, tags: readonly OrderedTag[]): readonly OrderedTag[] {
    this.#kept.delete(key)
    let size = tags.length
    for (const { tags: others } of this.#kept.values()) size += others.length
    for (const [oldest, { tags: others, untilMs }] of this.#kept) {
      if (size <= MOST_KEPT && untilMs > performance.now()) break
      this.#kept.delete(oldest)
      size -= others.length
    }
    this.#kept.set(key, { untilMs: performance.now() + KEPT_MS, tags })
    return tags
  }
}
