import { createHash } from 'node:crypto'
import type { Query } from '../metadata/query.ts'
import { countNames, type FoundRow, listNamesById } from '../metadata/search/found.ts'
import type { NameRange, ShownNames } from '../oci/name-ranges.ts'
import { listInRanges } from './names-in-ranges.ts'
import { Rest } from './rest.ts'
import { sortedInTurns } from './sorted-in-turns.ts'

/** Names that are compared in one go: 1 ms. */
const NAMES_AT_ONCE = 5_000

export interface FewNamesLimits {
  /** So many lie in ranges at most; they are read for each request. */
  readonly inRanges: number
  /** So many fit rules without a beginning at most, to be kept. */
  readonly kept: number
  /** Of all rules together, about 100 bytes each. */
  readonly keptOfAll: number
  /** Then all are looked at anew: names of repositories that have gone are left out. */
  readonly keptMs: number
}

const LIMITS: FewNamesLimits = { inRanges: 2_000, kept: 10_000, keptOfAll: 50_000, keptMs: 3_600_000 }
/** What a list takes that has none, counted in names. */
const NAMES_OF_LIST = 10
/** More make a look no shorter. */
const MOST_PIECES = 24

/**
 * The names that a caller may see, where these are few. Which names fit rules without a beginning, such as all that end in `/app`, is found by a look at each
 * name. They are kept, and the next time only repositories that came since are looked at: no repository has the id of an earlier one, or changes its name.
 */
export class FewNames {
  readonly #read: Query
  readonly #limits: FewNamesLimits
  /** By the rules; what was asked for last stands last. */
  readonly #kept = new Map<string, KeptNames>()

  constructor(read: Query, limits = LIMITS) {
    this.#read = read
    this.#limits = limits
  }

  /** By name. Some may be gone. Undefined: they are many, or that is not known. */
  async of(shown: ShownNames): Promise<readonly FoundRow[] | undefined> {
    if (shown.ranges.every(({ pieces }) => pieces === undefined)) return await this.#inRanges(shown)
    if (shown.rules === undefined) return undefined
    const kept = this.#keptFor(createHash('sha256').update(shown.rules).digest('base64'))
    const names = await kept.current(shown)
    this.#makeRoom()
    return names
  }

  async #inRanges({ fits, ranges }: ShownNames): Promise<readonly FoundRow[] | undefined> {
    const { inRanges: most } = this.#limits
    let count = 0
    for (const range of ranges) {
      count += await countNames(this.#read, range, most + 1 - count)
      if (count > most) return undefined
    }
    const names: FoundRow[] = []
    for await (const rows of listInRanges(this.#read, ranges)) names.push(...rows.filter(({ name }) => fits(name)))
    return names
  }

  #keptFor(key: string): KeptNames {
    const known = this.#kept.get(key)
    const isCurrent = known !== undefined && known.untilMs > performance.now()
    const kept = isCurrent ? known : new KeptNames(this.#read, this.#limits)
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    return kept
  }

  #makeRoom(): void {
    let size = 0
    for (const { size: one } of this.#kept.values()) size += one + NAMES_OF_LIST
    for (const [key, { size: one }] of this.#kept) {
      if (size <= this.#limits.keptOfAll) return
      this.#kept.delete(key)
      size -= one + NAMES_OF_LIST
    }
  }
}

/** Those that fit one text of rules. */
class KeptNames {
  readonly untilMs: number
  readonly #read: Query
  readonly #most: number
  /** By name; undefined: too many. */
  #names: readonly FoundRow[] | undefined = []
  /** The last id that was looked at. */
  #upTo = 0
  #running: Promise<void> | undefined

  constructor(read: Query, { kept, keptMs }: FewNamesLimits) {
    this.#read = read
    this.#most = kept
    this.untilMs = performance.now() + keptMs
  }

  get size(): number {
    return this.#names?.length ?? 0
  }

  async current(shown: ShownNames): Promise<readonly FoundRow[] | undefined> {
    // What began before this call may not have seen the last repository.
    await this.#running
    this.#running ??= this.#readOn(shown).finally(() => {
      this.#running = undefined
    })
    await this.#running
    return this.#names
  }

  async #readOn({ fits, ranges }: ShownNames): Promise<void> {
    if (this.#names === undefined) return
    const pieces = piecesOf(ranges)
    const added: (readonly FoundRow[])[] = []
    const rest = new Rest()
    let [count, upTo] = [this.#names.length, this.#upTo]
    for (;;) {
      const { rows, last } = await listNamesById(this.#read, pieces, { after: upTo, limit: NAMES_AT_ONCE })
      if (last === undefined) break
      upTo = last
      const fitting = rows.filter(({ name }) => fits(name))
      count += fitting.length
      if (count > this.#most) {
        this.#names = undefined
        return
      }
      if (fitting.length > 0) added.push(fitting)
      await rest.after(0)
    }
    if (added.length > 0) this.#names = await sortedInTurns([this.#names, ...added], byName)
    this.#upTo = upTo
  }
}

/** What every name that fits has one of; none where that is not known of all. */
function piecesOf(ranges: readonly NameRange[]): readonly string[] {
  if (ranges.some(({ pieces }) => pieces === undefined)) return []
  const all = [...new Set(ranges.flatMap(({ pieces = [] }) => pieces))]
  return all.length > MOST_PIECES ? [] : all
}

function byName({ name: one }: FoundRow, { name: other }: FoundRow): number {
  return one < other ? -1 : 1
}
