import { type Metadata, MetadataNotWritableError } from '../../metadata/query.ts'
import { findWeights, type Weight } from '../../metadata/remarks/remarks.ts'
import { type FoundFacts, type FoundRow, findFoundFacts, listThere, NOTHING_FOUND } from '../../metadata/search/found.ts'
import { unavailable } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { rangeFrom, rangesWithin, type ShownNames } from '../../oci/name-ranges.ts'
import type { FewNames } from '../few-names.ts'
import { type FoundList, inSteps, listInRanges } from '../names-in-ranges.ts'
import { Rest } from '../rest.ts'
import type { RepositoryScan } from '../scan/repository-scan.ts'
import { listAmongFew, listWithWords } from './found-lists.ts'
import { RareTrigrams, type RareTrigramsLimits } from './rare-trigrams.ts'
import type { SearchIndex } from './search-index.ts'
import { type SearchTerms, searchTermsOf } from './search-terms.ts'

/** An answer counts and orders no more. */
export const MOST_FOUND = 1_000
const PATIENCE_MS = 5_000
const NO_WEIGHT: Weight = { stars: 0, pulls: 0 }

export interface SearchOptions {
  readonly metadata: Metadata
  readonly scan: Pick<RepositoryScan, 'ensureNames'>
  readonly index: Pick<SearchIndex, 'catchUp'>
  readonly epoch: number
  readonly fewNames: Pick<FewNames, 'of'>
  readonly trigrams?: RareTrigramsLimits | undefined
}

export interface SearchPage {
  readonly first: number
  readonly count: number
}

export interface FoundRepository extends FoundFacts {
  readonly name: string
}

export interface SearchResult {
  /** How many there are, at most `MOST_FOUND`. */
  readonly total: number
  readonly found: readonly FoundRepository[]
}

/** Repositories by words and parts of words of their name, and of what their newest image says. */
export class Search {
  readonly #options: SearchOptions
  readonly #rare: RareTrigrams | undefined

  constructor(options: SearchOptions) {
    this.#options = options
    const { metadata, trigrams } = options
    // PostgreSQL's index begins with what is rare by itself.
    this.#rare = metadata.isRemote === true ? undefined : new RareTrigrams(metadata.read, trigrams)
  }

  /**
   * The repository of that name first, then those whose name begins so, then those with all words in their name, then the rest; in each of
   * these by stars, then by pulls, then by name. With `shown`, those that fit it. Throws UNAVAILABLE while what there is has not been looked at.
   */
  async find(query: string, page: SearchPage, shown?: ShownNames): Promise<SearchResult> {
    const { metadata, scan } = this.#options
    const terms = searchTermsOf(query)
    await scan.ensureNames()
    await this.#catchUp()
    const rest = new Rest()
    const found = await this.#all(terms, shown, rest)
    await rest.after(0)
    const names = found.slice(page.first, page.first + page.count).map(({ name }) => name)
    const facts = await findFoundFacts(metadata.read, names)
    return { total: found.length, found: names.map((name) => ({ name, ...(facts.get(name) ?? NOTHING_FOUND) })) }
  }

  /** What is said of these repositories. */
  async describe(names: readonly string[]): Promise<readonly FoundRepository[]> {
    await this.#catchUp()
    const facts = await findFoundFacts(this.#options.metadata.read, names)
    return names.map((name) => ({ name, ...(facts.get(name) ?? NOTHING_FOUND) }))
  }

  /** Where nothing can be written, what was known before is searched. */
  async #catchUp(): Promise<void> {
    try {
      if (await this.#options.index.catchUp(AbortSignal.timeout(PATIENCE_MS))) return
    } catch (error) {
      if (error instanceof MetadataNotWritableError) return
      throw error
    }
    throw unavailable('What the search looks at is being made; search again in a moment.')
  }

  async #all(terms: SearchTerms, shown: ShownNames | undefined, rest: Rest): Promise<readonly FoundRow[]> {
    const { fewNames, metadata } = this.#options
    const { read } = metadata
    const { text, words } = terms
    const fits = (name: RepositoryName) => shown?.fits(name) ?? true
    const few = shown === undefined ? undefined : await fewNames.of(shown)
    await rest.after(0)
    const beginning = rangeFrom(text)
    const beginningSo =
      few === undefined
        ? listInRanges(read, rangesWithin(shown?.ranges ?? [beginning], beginning))
        : inSteps(few.filter(({ name }) => name.startsWith(text)))
    const first = await this.#collect(beginningSo, fits, rest)
    if (words.length === 0) return first
    const known = new Set(first.map(({ name }) => name))
    const reading = { read, rest }
    const withWords = async () => {
      const trigrams = (await this.#rare?.among(terms.trigrams, rest)) ?? terms.trigrams
      const telling = { ...terms, trigrams }
      return few === undefined ? await listWithWords(reading, telling, shown) : await listAmongFew(reading, telling, few)
    }
    const list = first.length === MOST_FOUND ? undefined : await withWords()
    const others = list === undefined ? [] : await this.#collect(list, (name) => !known.has(name) && fits(name), rest)
    const group = ({ name }: FoundRow) => {
      if (known.has(name)) return name === text ? 0 : 1
      return words.every((word) => name.includes(word)) ? 2 : 3
    }
    return (await this.#weighed([...first, ...others], group)).slice(0, MOST_FOUND)
  }

  /** What is liked and used most stands first in its group. */
  async #weighed(found: readonly FoundRow[], group: (row: FoundRow) => number): Promise<readonly FoundRow[]> {
    const names = found.map(({ name }) => name)
    const weights = await findWeights(this.#options.metadata.read, names)
    const rows = found.map((row) => ({ row, group: group(row), weight: weights.get(row.name) ?? NO_WEIGHT }))
    const ordered = rows.toSorted(
      (one, other) =>
        one.group - other.group ||
        other.weight.stars - one.weight.stars ||
        other.weight.pulls - one.weight.pulls ||
        (one.row.name < other.row.name ? -1 : 1),
    )
    return ordered.map(({ row }) => row)
  }

  /** Reads on until there are enough, or no more; other requests have their turn in between. */
  async #collect(list: FoundList, isShown: (name: RepositoryName) => boolean, rest: Rest): Promise<readonly FoundRow[]> {
    const { metadata, epoch } = this.#options
    const found: FoundRow[] = []
    for await (const rows of list) {
      const shown = rows.filter(({ name }) => isShown(name))
      const there = shown.length === 0 ? undefined : await listThere(metadata.read, epoch, shown.map(idOf))
      found.push(...shown.filter(({ id }) => there?.has(id)))
      await rest.after(0)
      if (found.length >= MOST_FOUND) break
    }
    return found.slice(0, MOST_FOUND)
  }
}

function idOf({ id }: FoundRow): number {
  return id
}
