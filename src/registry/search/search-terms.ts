import { MOST_WORDS } from '../../metadata/search/found.ts'
import { shownText } from '../../oci/image/shown-text.ts'

const MAX_QUERY = 200
/** More make the search no smaller. */
const MAX_TRIGRAMS = 24

/** What a client searches for, as the tables have it: in small letters. */
export interface SearchTerms {
  /** The whole of it, which may be the beginning of a name. */
  readonly text: string
  readonly words: readonly string[]
  /** Sequences of three letters that an entry must have. */
  readonly trigrams: readonly string[]
  /** Words of one or two letters: in an entry that has one, a sequence begins with it. */
  readonly shortWords: readonly string[]
}

export function searchTermsOf(query: string): SearchTerms {
  const text = shownText(query.slice(0, MAX_QUERY), MAX_QUERY).toLowerCase()
  const words = [...new Set(text.split(/\s+/).filter((word) => word !== ''))].slice(0, MOST_WORDS)
  const trigrams = [...new Set(words.flatMap(trigramsOf))].slice(0, MAX_TRIGRAMS)
  return { text, words, trigrams, shortWords: words.filter((word) => [...word].length < 3) }
}

/** Its sequences of three letters. */
export function trigramsOf(word: string): readonly string[] {
  const letters = [...word]
  return letters.slice(2).map((letter, index) => `${letters[index]}${letters[index + 1]}${letter}`)
}

/** One of these texts, and all of those: as the query language of SQLite's FTS5 has it. */
export function matchOf(clauses: readonly (readonly string[])[]): string {
  return clauses.map((texts) => `(${texts.map(quoted).join(' OR ')})`).join(' AND ')
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}
