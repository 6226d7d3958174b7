import type { Query } from '../../metadata/query.ts'
import {
  countNames,
  type FoundRow,
  hasMoreThan,
  listAmongAll,
  listAmongIds,
  listAmongNames,
  listByMatch,
  listMatchIds,
  listTrigrams,
} from '../../metadata/search/found.ts'
import type { NameRange, ShownNames } from '../../oci/name-ranges.ts'
import type { FoundList } from '../names-in-ranges.ts'
import type { Rest } from '../rest.ts'
import { matchOf, type SearchTerms, trigramsOf } from './search-terms.ts'

/** Entries that are read in one go where no index helps. */
const ENTRIES_AT_ONCE = 2_000
const TRIGRAMS_AT_ONCE = 10
/** So many names are compared with pieces in the time in which the index leads to one entry. */
const NAMES_OF_ENTRY = 10
/** So many ids of the index are looked at for each entry that would be read without it: where they are more, that look costs a quarter of reading all of these. */
const IDS_OF_ENTRY = 2
const IDS_AT_ONCE = 5_000

export interface SearchLimits {
  /** What more entries have tells little: looking at the entries themselves is quicker. */
  readonly common: number
  /** For one short word. Each is merged with the others, entry by entry. */
  readonly trigrams: number
  /** So many entries are read without a look at the index. */
  readonly readAll: number
  /** So many that were found are handed on in one go. */
  readonly rows: number
}

const LIMITS: SearchLimits = { common: 10_000, trigrams: 1_000, readAll: 200, rows: 500 }

export interface Reading {
  readonly read: Query
  /** Of one search, which looks at many things. */
  readonly rest: Rest
}

/**
 * Entries that have all words: by the index, unless that would lead to very many of which the caller may see few; then among the names that it may see.
 * Undefined where the index says that there is none.
 */
export async function listWithWords(
  reading: Reading,
  terms: SearchTerms,
  shown: ShownNames | undefined,
  limits = LIMITS,
): Promise<FoundList | undefined> {
  const { read } = reading
  const { words } = terms
  const ofNames = clausesOfNames(shown)
  // Comparing all names with pieces is quicker than the many sequences of a short word.
  const clauses = await clausesOf(reading, ofNames.length === 0 ? terms : { ...terms, shortWords: [] }, limits)
  if (clauses === undefined) return undefined
  const match = clauses.length === 0 ? undefined : matchOf([...clauses, ...ofNames])
  const ranges = shown?.ranges ?? []
  const mayBeAll = shown === undefined || ranges.some(isWhole)
  if (match !== undefined && (mayBeAll || !(await leadsFar(reading, match, shown, limits))))
    return listMatching(read, { words, match }, limits)
  return mayBeAll ? listAll(read, words, limits) : listAmong(read, { words, ranges }, limits)
}

/** The same among the few repositories that a caller may see: those that the index leads to, unless that would be very many. */
export async function listAmongFew(
  reading: Reading,
  terms: SearchTerms,
  few: readonly FoundRow[],
  limits = LIMITS,
): Promise<FoundList | undefined> {
  const { read } = reading
  const { words } = terms
  if (few.length > limits.readAll) {
    const clauses = await clausesOf(reading, terms, limits)
    if (clauses === undefined) return undefined
    const match = clauses.length === 0 ? undefined : matchOf(clauses)
    const isFar = match === undefined || (await hasMoreThan(read, match, few.length * IDS_OF_ENTRY))
    await reading.rest.after(0)
    if (!isFar) return listMatchingAmong(reading, { words, match, few: new Set(few.map(({ id }) => id)) }, limits)
  }
  return listOfIds(read, { words, ids: Float64Array.from(few, ({ id }) => id).sort() }, limits)
}

/** What an entry must have in the index, that it may have all words; undefined: none has it. */
async function clausesOf(
  reading: Reading,
  { trigrams, shortWords }: Pick<SearchTerms, 'trigrams' | 'shortWords'>,
  limits: SearchLimits,
): Promise<readonly (readonly string[])[] | undefined> {
  const clauses: (readonly string[])[] = trigrams.map((trigram) => [trigram])
  for (const word of shortWords) {
    const found = await trigramsFrom(reading, word, limits)
    if (found?.length === 0) return undefined
    if (found !== undefined) clauses.push(found)
    await reading.rest.after(0)
  }
  return clauses
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
async function leadsFar({ read, rest }: Reading, match: string, shown: ShownNames, { common }: SearchLimits): Promise<boolean> {
  const most = shown.ranges.some(({ pieces }) => pieces !== undefined)
    ? Math.floor(common / NAMES_OF_ENTRY)
    : await countIn(read, shown.ranges, common)
  await rest.after(0)
  return await hasMoreThan(read, match, most)
}

/** How many names lie in these ranges, at most so many. */
async function countIn(read: Query, ranges: readonly NameRange[], most: number): Promise<number> {
  let count = 0
  for (const range of ranges) {
    if (count >= most) break
    count += await countNames(read, range, most - count)
  }
  return count
}

function isWhole({ from, pieces }: NameRange): boolean {
  return from === '' && pieces === undefined
}

/** Undefined: very many entries have one of them. */
async function trigramsFrom(
  { read, rest }: Reading,
  word: string,
  { common, trigrams }: SearchLimits,
): Promise<readonly string[] | undefined> {
  const found: string[] = []
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

/** What entries must have, also in the index. */
interface Matching {
  readonly words: readonly string[]
  readonly match: string
}

async function* listMatching(read: Query, matching: Matching, { rows: most }: SearchLimits): FoundList {
  for (let after = 0; ; ) {
    const rows = await listByMatch(read, matching, { after, limit: most })
    yield rows
    const end = rows.at(-1)
    if (rows.length < most || end === undefined) return
    after = end.id
  }
}

interface Ids {
  readonly words: readonly string[]
  readonly ids: Float64Array | readonly number[]
}

async function* listOfIds(read: Query, { words, ids }: Ids, { rows: most }: SearchLimits): FoundList {
  for (let start = 0; start < ids.length; start += most)
    yield await listAmongIds(read, words, [...ids.slice(start, start + most)])
}

async function* listMatchingAmong(
  { read, rest }: Reading,
  { words, match, few }: Matching & { readonly few: ReadonlySet<number> },
  limits: SearchLimits,
): FoundList {
  for (let after = 0; ; ) {
    const ids = await listMatchIds(read, match, { after, limit: IDS_AT_ONCE })
    yield* listOfIds(read, { words, ids: ids.filter((id) => few.has(id)) }, limits)
    const end = ids.at(-1)
    if (ids.length < IDS_AT_ONCE || end === undefined) return
    after = end
    await rest.after(0)
  }
}

async function* listAll(read: Query, words: readonly string[], { rows: most }: SearchLimits): FoundList {
  for (let after: number | undefined = 0; after !== undefined; ) {
    const { rows, upTo }: Awaited<ReturnType<typeof listAmongAll>> = await listAmongAll(read, words, {
      ...{ after, limit: ENTRIES_AT_ONCE, most },
    })
    yield rows
    after = upTo
  }
}

interface Ranges {
  readonly words: readonly string[]
  readonly ranges: readonly NameRange[]
}

async function* listAmong(read: Query, { words, ranges }: Ranges, { rows: most }: SearchLimits): FoundList {
  for (const range of ranges) {
    for (let after: string | undefined = ''; after !== undefined; ) {
      const slice = { ...range, after, limit: ENTRIES_AT_ONCE, most }
      const { rows, upTo }: Awaited<ReturnType<typeof listAmongNames>> = await listAmongNames(read, words, slice)
      yield rows
      after = upTo
    }
  }
}
