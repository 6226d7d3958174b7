import type { RepositoryName } from './name.ts'
import type { RepositoryGlob } from './repository-glob.ts'

/** Names of repositories from one text on, and below another, in byte order. */
export interface NameRange {
  readonly from: string
  readonly below: string
  /** Each name in it that fits contains one of these texts, which rules without a beginning have; undefined: nothing is known of that. */
  readonly pieces?: readonly string[] | undefined
}

/** The repositories that a caller may see. */
export interface ShownNames {
  fits(name: RepositoryName): boolean
  /** Nothing outside of these fits, in their order; none meets another. */
  readonly ranges: readonly NameRange[]
  /** The rules that say so, as a text: while it is the same, a name fits that fitted. Left out: that is not known. */
  readonly rules?: string | undefined
}

/** Greater than every letter of a name. */
const LAST_CHARACTER = '\u{10ffff}'
/** So many are looked through one after another; more are one that holds all of them. */
const MOST_RANGES = 100
/** Each name is compared with all of them. */
const MOST_PIECES = 24

/** Names that begin with a text. */
export function rangeFrom(beginning: string): NameRange {
  return { from: beginning, below: `${beginning}${LAST_CHARACTER}` }
}

/** All names that fit one of the patterns lie in these. */
export function rangesOf(patterns: readonly RepositoryGlob[]): readonly NameRange[] {
  const ranges = patterns.map(({ text }) => rangeOf(text)).toSorted((one, other) => (one.from < other.from ? -1 : 1))
  const joined: NameRange[] = []
  for (const range of ranges) {
    const last = joined.at(-1)
    if (last === undefined || last.below < range.from) joined.push(range)
    else joined[joined.length - 1] = { ...joinedPieces(last, range), from: last.from, below: laterOf(last.below, range.below) }
  }
  const [first, end] = [joined[0], joined.at(-1)]
  if (joined.length > MOST_RANGES && first && end) return [{ from: first.from, below: end.below }]
  return joined.map(({ from, below, pieces }) =>
    pieces?.every((piece) => piece === from) ? { from, below } : { from, below, pieces },
  )
}

function joinedPieces(one: NameRange, other: NameRange): Pick<NameRange, 'pieces'> {
  if (one.pieces === undefined || other.pieces === undefined) return {}
  const pieces = [...new Set([...one.pieces, ...other.pieces])]
  return pieces.length > MOST_PIECES ? {} : { pieces }
}

function laterOf(one: string, other: string): string {
  return one > other ? one : other
}

/** The part of the ranges that begins with a text. */
export function rangesWithin(ranges: readonly NameRange[], { from, below }: NameRange): readonly NameRange[] {
  return ranges.flatMap((range) => {
    const part = { ...range, from: range.from > from ? range.from : from, below: range.below < below ? range.below : below }
    return part.from < part.below ? [part] : []
  })
}

/** Every name from the text on comes after it, and no name before the text does. */
export function justBefore(text: string): string {
  const last = text.charCodeAt(text.length - 1)
  return text === '' ? '' : `${text.slice(0, -1)}${String.fromCharCode(last - 1)}${LAST_CHARACTER}`
}

/** A pattern without a star is one name: what comes next in order is a blank behind it, which no name has. */
function rangeOf(pattern: string): NameRange {
  const star = pattern.indexOf('*')
  const [beginning = '', ...others] = pattern.split(/\*+/)
  // The range itself says how its names begin.
  const [longest = ''] = others.toSorted((one, other) => other.length - one.length)
  const piece = longest === '' ? beginning : longest
  const pieces = piece === '' ? undefined : [piece]
  return { ...(star < 0 ? { from: pattern, below: `${pattern} ` } : rangeFrom(pattern.slice(0, star))), pieces }
}
