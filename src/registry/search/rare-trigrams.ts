import type { Query } from '../../metadata/query.ts'
import { listTrigrams } from '../../metadata/search/found.ts'
import type { Rest } from '../rest.ts'

export interface RareTrigramsLimits {
  /** A sequence that this many entries contain, or fewer, is always put to the index. */
  readonly few: number
  /** A more common one is put to it only if it is at most this many times as common as the rarest one. */
  readonly times: number
  /** How many counts are remembered at most, one for each sequence. */
  readonly kept: number
  /** How many milliseconds a count is remembered. */
  readonly keptMs: number
}

const LIMITS: RareTrigramsLimits = { few: 1_000, times: 4, kept: 2_000, keptMs: 3_600_000 }

interface Counted {
  readonly entries: number
  readonly untilMs: number
}

/**
 * Which sequences of three letters lead to few entries. SQLite's index reads the entries of each sequence that it is asked for: where every entry has
 * one, that takes a hundred times as long as it saves. Counting is a look at all of these entries, too, so that the numbers are kept; old ones are good enough.
 */
export class RareTrigrams {
  readonly #read: Query
  readonly #limits: RareTrigramsLimits
  /** What was counted last stands last. */
  readonly #counted = new Map<string, Counted>()

  constructor(read: Query, limits = LIMITS) {
    this.#read = read
    this.#limits = limits
  }

  /** At least one of them: an entry that has all of them has these, and few others have. */
  async among(trigrams: readonly string[], rest: Rest): Promise<readonly string[]> {
    const counts: number[] = []
    for (const trigram of trigrams) counts.push(await this.#entriesOf(trigram, rest))
    const most = Math.max(this.#limits.few, this.#limits.times * Math.min(...counts))
    return trigrams.filter((_, index) => (counts[index] ?? 0) <= most)
  }

  async #entriesOf(trigram: string, rest: Rest): Promise<number> {
    const known = this.#counted.get(trigram)
    if (known !== undefined && known.untilMs > performance.now()) return known.entries
    const [row] = await listTrigrams(this.#read, trigram, '', 1)
    const entries = row?.entries ?? 0
    await rest.after(0)
    this.#counted.delete(trigram)
    this.#counted.set(trigram, { entries, untilMs: performance.now() + this.#limits.keptMs })
    const [oldest] = this.#counted.keys()
    if (this.#counted.size > this.#limits.kept && oldest !== undefined) this.#counted.delete(oldest)
    return entries
  }
}
