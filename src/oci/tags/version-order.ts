/** The numbers in the name of a tag, and what marks it as made before its release. */
export interface Version {
  readonly numbers: readonly number[]
  /** The parts between full stops behind the first '-'; none: it is a release, which is higher. */
  readonly before: readonly string[]
}

const VERSION = /^[vV]?(\d{1,15}(?:\.\d{1,15})*)(?:-([0-9A-Za-z.-]+))?$/

/** Undefined for a name that is no version: `latest`, a commit. */
export function findVersion(tag: string): Version | undefined {
  const [, numbers, before] = VERSION.exec(tag) ?? []
  if (numbers === undefined) return undefined
  return { numbers: numbers.split('.').map(Number), before: before?.split('.') ?? [] }
}

/** The same text for versions of which none is higher. */
export function keyOfVersion({ numbers, before }: Version): string {
  const last = numbers.findLastIndex((number) => number !== 0)
  const parts = before.map((part) => (NUMBER.test(part) ? String(Number(part)) : part))
  return `${numbers.slice(0, last + 1).join('.')}-${parts.join('.')}`
}

/**
 * A text of ASCII letters whose byte order is that of versions, for an index. A number stands behind the count of its digits. What ends a list ('!', a blank) is
 * below all that goes on, and what is no release ('-') below a release ('~').
 */
export function orderTextOf({ numbers, before }: Version): string {
  const last = numbers.findLastIndex((number) => number !== 0)
  const parts = before.map((part) => (NUMBER.test(part) ? `N${countedDigits(part)}` : `W${part}!`))
  const release = before.length === 0 ? '~' : `-${parts.join('')} `
  return `${numbers
    .slice(0, last + 1)
    .map((number) => countedDigits(String(number)))
    .join('')}!${release}`
}

function countedDigits(text: string): string {
  const digits = text.replace(/^0+(?=.)/, '')
  return `${String(digits.length).padStart(3, '0')}${digits}`
}

/** Below 0 where the first is lower, as semver.org orders them; 1.2 is 1.2.0. */
export function compareVersions(one: Version, other: Version): number {
  const length = Math.max(one.numbers.length, other.numbers.length)
  for (let place = 0; place < length; place += 1) {
    const difference = (one.numbers[place] ?? 0) - (other.numbers[place] ?? 0)
    if (difference !== 0) return difference
  }
  return compareBefore(one.before, other.before)
}

function compareBefore(one: readonly string[], other: readonly string[]): number {
  if (one.length === 0 || other.length === 0) return other.length - one.length
  for (const [place, part] of one.entries()) {
    const against = other[place]
    if (against === undefined) return 1
    if (part !== against) return comparePart(part, against)
  }
  return one.length - other.length
}

/** Numbers are ordered as numbers, and are lower than words. */
function comparePart(one: string, other: string): number {
  const [isNumber, isOtherNumber] = [NUMBER.test(one), NUMBER.test(other)]
  if (isNumber && isOtherNumber) return Number(one) - Number(other)
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1
  return one < other ? -1 : 1
}

const NUMBER = /^\d+$/
