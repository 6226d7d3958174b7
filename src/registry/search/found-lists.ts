import type { Query } from '../../metadata/query.ts'
import {
  countNames,
  type FoundRow,
  hasMoreThan,
  listAmongAll,
  listAmongIds,
  listAmongNames,
  listByMatch,
  listTrigrams,
} from '../../metadata/search/found.ts'
import type { NameRange, ShownNames } from '../../oci/name-ranges.ts'
import type { FoundList } from '../names-in-ranges.ts'
import { Rest } from '../rest.ts'
import { matchOf, type SearchTerms, trigramsOf } from './search-terms.ts'

const ROWS_AT_ONCE = 500
/** Entries that are read in one go where no index helps. */
const ENTRIES_AT_ONCE = 2_000
const TRIGRAMS_AT_ONCE = 10
/** So many names are compared with pieces in the time in which the index leads to one entry. */
const NAMES_OF_ENTRY = 10

export interface SearchLimits {
  /** What more entries have tells little: looking at the entries themselves is quicker. */
  readonly common: number
  /** For one short word. Each is merged with the others, entry by entry. */
  readonly trigrams: number
}

const LIMITS: SearchLimits = { common: 10_000, trigrams: 1_000 }

/**
 * Entries that have all words: by the index, unless that would lead to very many of which the caller may see few; then among the names that it may see.
 * Undefined where the index says that there is none.
 */
export async function listWithWords(
  read: Query,
  terms: SearchTerms,
  shown: ShownNames | undefined,
  limits = LIMITS,
): Promise<FoundList | undefined> {
  const { words, trigrams, shortWords } = terms
  const clauses: (readonly string[])[] = trigrams.map((trigram) => [trigram])
  const ofNames = clausesOfNames(shown)
  // Comparing all names with pieces is quicker than the many sequences of a short word.
  for (const word of ofNames.length === 0 ? shortWords : []) {
    const found = await trigramsFrom(read, word, limits)
    if (found?.length === 0) return undefined
    if (found !== undefined) clauses.push(found)
  }
  if (clauses.length > 0) clauses.push(...ofNames)
  const match = clauses.length === 0 ? undefined : matchOf(clauses)
  if (match !== undefined && (shown === undefined || !(await leadsFar(read, match, shown, limits)))) {
    return listMatching(read, words, match)
  }
  const ranges = shown?.ranges ?? []
  const isWhole = shown === undefined || ranges.some(({ from, pieces }) => from === '' && pieces === undefined)
  return isWhole ? listAll(read, words) : listAmong(read, words, ranges)
}

/** The same among the few repositories that the caller may see. */
export async function listAmongFew(read: Query, { words, trigrams }: SearchTerms, few: readonly FoundRow[]): Promise<FoundList> {
  const match = trigrams.length === 0 ? undefined : matchOf(trigrams.map((trigram) => [trigram]))
  if (match !== undefined && !(await hasMoreThan(read, match, few.length))) return listMatching(read, words, match)
  const ids = Float64Array.from(few, ({ id }) => id).sort()
  return listOfIds(read, words, ids)
}

/** What an entry must have besides, so that its name fits: an entry begins with it. */
function clausesOfNames(shown: ShownNames | undefined): readonly (readonly string[])[] {
  const ranges = shown?.ranges ?? []
  const pieces = ranges.flatMap((range) => range.pieces ?? [])
  if (pieces.length === 0 || ranges.some((range) => range.pieces === undefined)) return []
  const [first = [], ...others] = pieces.map(trigramsOf)
  if (first.length === 0 || others.some((trigrams) => trigrams.length === 0)) return []
  return others.length === 0
    ? first.map((trigram) => [trigram])
    : [[first, ...others].flatMap((trigrams) => trigrams.slice(0, 1))]
}

/** Whether the index has more entries than the caller may see. */
async function leadsFar(read: Query, match: string, { ranges }: ShownNames, { common }: SearchLimits): Promise<boolean> {
  if (ranges.some(({ pieces }) => pieces !== undefined)) return await hasMoreThan(read, match, common / NAMES_OF_ENTRY)
  let seen = 0
  for (const range of ranges) {
    seen += await countNames(read, range, common - seen)
    if (seen >= common) break
  }
  return await hasMoreThan(read, match, seen)
}

/** Undefined: very many entries have one of them. */
async function trigramsFrom(
  read: Query,
  word: string,
  { common, trigrams }: SearchLimits,
): Promise<readonly string[] | undefined> {
  const found: string[] = []
  const rest = new Rest()
  for (let last = ''; ; ) {
    const rows = await listTrigrams(read, word, last, TRIGRAMS_AT_ONCE)
    found.push(...rows.map(({ trigram }) => trigram))
    if (found.length > trigrams || rows.some(({ entries }) => entries > common)) return undefined
    const end = rows.at(-1)
    if (rows.length < TRIGRAMS_AT_ONCE || end === undefined) return found
    last = end.trigram
    await rest.after(0)
  }
}

async function* listMatching(read: Query, words: readonly string[], match: string): FoundList {
  for (let after = 0; ; ) {
    const rows = await listByMatch(read, { words, match }, { after, limit: ROWS_AT_ONCE })
    yield rows
    const end = rows.at(-1)
    if (rows.length < ROWS_AT_ONCE || end === undefined) return
    after = end.id
  }
}

async function* listOfIds(read: Query, words: readonly string[], ids: Float64Array): FoundList {
  for (let start = 0; start < ids.length; start += ROWS_AT_ONCE)
    yield await listAmongIds(read, words, [...ids.subarray(start, start + ROWS_AT_ONCE)])
}

async function* listAll(read: Query, words: readonly string[]): FoundList {
  for (let after: number | undefined = 0; after !== undefined; ) {
    const { rows, upTo }: Awaited<ReturnType<typeof listAmongAll>> = await listAmongAll(read, words, {
      after,
      limit: ENTRIES_AT_ONCE,
    })
    yield rows
    after = upTo
  }
}

async function* listAmong(read: Query, words: readonly string[], ranges: readonly NameRange[]): FoundList {
  for (const range of ranges) {
    for (let after: string | undefined = ''; after !== undefined; ) {
      const slice = { ...range, after, limit: ENTRIES_AT_ONCE }
      const { rows, upTo }: Awaited<ReturnType<typeof listAmongNames>> = await listAmongNames(read, words, slice)
      yield rows
      after = upTo
    }
  }
}
