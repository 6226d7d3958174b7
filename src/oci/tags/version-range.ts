import { compareVersions, findVersion, type Version } from './version-order.ts'

/**
 * Versions, as npm writes them: `1.x`, `^1.4`, `~1.4.2`, `>=1.2 <2`, several with `||` between them. Versions before a release (1.2.0-rc.1) are
 * none of them, but where a bound names one of the same numbers.
 */
export class VersionRange {
  /** Of each alternative all have to hold. */
  readonly #alternatives: readonly (readonly Bound[])[]

  private constructor(alternatives: readonly (readonly Bound[])[]) {
    this.#alternatives = alternatives
  }

  /** Undefined for what is no range. */
  static find(text: string): VersionRange | undefined {
    if (text.length > MOST_LETTERS) return undefined
    const alternatives: Bound[][] = []
    for (const alternative of text.split('||')) {
      const words = alternative
        .trim()
        .replace(/([<>=~^]) +/g, '$1')
        .split(/ +/)
      const bounds = words.map(boundsOf)
      if (bounds.some((each) => each === undefined)) return undefined
      alternatives.push(bounds.flatMap((each) => each ?? []))
    }
    return new VersionRange(alternatives)
  }

  fits(version: Version): boolean {
    return this.#alternatives.some((bounds) => {
      const isNamed = version.before.length === 0 || bounds.some(({ version: bound }) => isBeforeSame(bound, version))
      return isNamed && bounds.every((bound) => holds(bound, compareVersions(version, bound.version)))
    })
  }
}

const MOST_LETTERS = 200

type Operator = '>=' | '>' | '<' | '<='

interface Bound {
  readonly operator: Operator
  readonly version: Version
}

function holds({ operator }: Bound, difference: number): boolean {
  switch (operator) {
    case '>=':
      return difference >= 0
    case '>':
      return difference > 0
    case '<':
      return difference < 0
    case '<=':
      return difference <= 0
  }
}

function isBeforeSame(bound: Version, version: Version): boolean {
  return bound.before.length > 0 && compareVersions({ ...bound, before: [] }, { ...version, before: [] }) === 0
}

const WORD = /^(>=|<=|>|<|=|\^|~)?(.*)$/s
/** A whole version has so many numbers; one of fewer stands for all that begin with them. */
const WHOLE = 3

/** None for `*`; undefined for what is no bound. */
function boundsOf(word: string): Bound[] | undefined {
  const [, operator = '', rest = ''] = WORD.exec(word) ?? []
  const text = rest.replace(/^[vV]/, '').replace(/(?:\.[xX*])+$/, '')
  if (text === '*' || text === 'x' || text === 'X') return []
  const version = findVersion(text)
  if (version === undefined) return undefined
  const isWhole = version.numbers.length >= WHOLE || version.before.length > 0
  switch (operator) {
    case '>=':
    case '<':
      return [{ operator, version }]
    case '>':
      return [isWhole ? { operator, version } : { operator: '>=', version: after(version, version.numbers.length) }]
    case '<=':
      return [isWhole ? { operator, version } : { operator: '<', version: after(version, version.numbers.length) }]
    case '^':
      return within(version, firstThatCounts(version))
    case '~':
      return within(version, Math.min(2, version.numbers.length))
    default:
      return isWhole
        ? [
            { operator: '>=', version },
            { operator: '<=', version },
          ]
        : within(version, version.numbers.length)
  }
}

function within(version: Version, kept: number): Bound[] {
  return [
    { operator: '>=', version },
    { operator: '<', version: after(version, kept) },
  ]
}

/** The first version whose first so many numbers are higher. */
function after({ numbers }: Version, kept: number): Version {
  const next = numbers.slice(0, kept)
  return { numbers: [...next.slice(0, -1), (next.at(-1) ?? 0) + 1], before: [] }
}

/** How many numbers stay the same where nothing breaks: up to the first that is not 0. */
function firstThatCounts({ numbers }: Version): number {
  const first = numbers.findIndex((number) => number !== 0)
  return first < 0 ? numbers.length : first + 1
}
