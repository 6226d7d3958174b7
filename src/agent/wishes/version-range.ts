import { compareVersions, findVersion, type Version } from '../../retention/version-order.ts'

interface Bound {
  readonly isMet: (version: Version) => boolean
}

/** Versions as npm and Cargo write ranges of them: `^1.2`, `~1.2.3`, `1.x`, `>=1.2 <2`, and several with `||` between. */
export class VersionRange {
  readonly #choices: readonly (readonly Bound[])[]

  private constructor(choices: readonly (readonly Bound[])[]) {
    this.#choices = choices
  }

  /** Undefined for what is no range. */
  static find(text: string): VersionRange | undefined {
    const choices = text.split('||').map((choice) => boundsIn(choice.trim()))
    return choices.some((bounds) => bounds === undefined)
      ? undefined
      : new VersionRange(choices.flatMap((bounds) => [bounds ?? []]))
  }

  /** What was made before a release belongs to no range. */
  has(version: Version): boolean {
    return version.before.length === 0 && this.#choices.some((bounds) => bounds.every(({ isMet }) => isMet(version)))
  }
}

function boundsIn(choice: string): readonly Bound[] | undefined {
  const words = choice.replace(/(>=|<=|>|<|=|\^|~)\s+/g, '$1').split(/\s+/)
  const bounds = words.map(boundIn)
  return bounds.some((bound) => bound === undefined) ? undefined : bounds.flatMap((bound) => bound ?? [])
}

const WORD = /^(>=|<=|>|<|=|\^|~|)v?(\d{1,9}|[x*])(?:\.(\d{1,9}|[x*]))?(?:\.(\d{1,9}|[x*]))?$/

function boundIn(word: string): Bound | undefined {
  const [, sign, ...parts] = WORD.exec(word) ?? []
  if (sign === undefined) return undefined
  const numbers = parts.flatMap((part) => (part === undefined || part === 'x' || part === '*' ? [] : [Number(part)]))
  if (numbers.length === 0) return sign === '' || sign === '=' ? { isMet: () => true } : undefined
  const low = versionOf(numbers)
  const isFrom = (version: Version) => compareVersions(version, low) >= 0
  const isBelow = (limit: readonly number[]) => (version: Version) => compareVersions(version, versionOf(limit)) < 0
  switch (sign) {
    case '>=':
      return { isMet: isFrom }
    case '<':
      return { isMet: isBelow(numbers) }
    case '>':
      return {
        isMet: (version) =>
          !isBelow(numbers.length === 3 ? numbers : next(numbers))(version) && compareVersions(version, low) > 0,
      }
    case '<=':
      return { isMet: numbers.length === 3 ? (version) => compareVersions(version, low) <= 0 : isBelow(next(numbers)) }
    case '^':
      return { isMet: (version) => isFrom(version) && isBelow(next(compatible(numbers)))(version) }
    case '~':
      return { isMet: (version) => isFrom(version) && isBelow(next(numbers.slice(0, 2)))(version) }
    default:
      return { isMet: (version) => isFrom(version) && isBelow(next(numbers))(version) }
  }
}

/** Up to the first number that is not 0: 0.2.3 is compatible with 0.2.9 and not with 0.3. */
function compatible(numbers: readonly number[]): readonly number[] {
  const place = numbers.findIndex((number) => number !== 0)
  return place === -1 ? numbers : numbers.slice(0, place + 1)
}

/** The first version behind all that begin with these numbers. */
function next(numbers: readonly number[]): readonly number[] {
  return [...numbers.slice(0, -1), (numbers.at(-1) ?? 0) + 1]
}

function versionOf(numbers: readonly number[]): Version {
  return findVersion(numbers.join('.')) ?? { numbers, before: [] }
}
