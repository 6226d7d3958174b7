import { TagGlob } from '../../oci/tag-glob.ts'
import { compareVersions, findVersion, type Version } from '../../oci/tags/version-order.ts'
import { VersionRange } from '../../oci/tags/version-range.ts'

/** Which tag a container follows. */
export type Policy =
  /** Its own, wherever it points. */
  | { readonly kind: 'digest' }
  /** The highest of those that suit; its own, where none is higher. */
  | { readonly kind: 'highest'; readonly suits: (tag: string) => boolean }

export const POLICY_RULE = 'digest, semver:RANGE as semver:^1.2, or pattern:GLOB as pattern:main-*'

/** Undefined for what is none. */
export function findPolicy(text: string): Policy | undefined {
  if (text === 'digest') return { kind: 'digest' }
  const [, kind, rule = ''] = /^(semver|pattern):(.+)$/.exec(text) ?? []
  if (kind === 'pattern') return byPattern(rule)
  const range = kind === 'semver' ? VersionRange.find(rule) : undefined
  return range === undefined ? undefined : { kind: 'highest', suits: (tag) => isIn(range, tag) }
}

function byPattern(rule: string): Policy | undefined {
  const glob = TagGlob.find(rule)
  return glob === undefined ? undefined : { kind: 'highest', suits: (tag) => glob.fits(tag) }
}

function isIn(range: VersionRange, tag: string): boolean {
  const version = findVersion(tag)
  return version !== undefined && range.fits(version)
}

/** The highest tag that suits: by its version, or by the numbers and words in it. Never one below `current`, which stays where none is higher. */
export function chooseTag(policy: Policy, current: string, tags: readonly string[]): string {
  if (policy.kind === 'digest') return current
  const suiting = tags.filter(policy.suits)
  const highest = suiting.reduce<string | undefined>(
    (best, tag) => (best === undefined || compareTags(tag, best) > 0 ? tag : best),
    undefined,
  )
  if (highest === undefined) return current
  return policy.suits(current) && compareTags(highest, current) <= 0 ? current : highest
}

/** As versions where both are, else piece by piece: numbers as numbers, so that main-10 is above main-9. */
function compareTags(one: string, other: string): number {
  const [version, otherVersion]: readonly (Version | undefined)[] = [findVersion(one), findVersion(other)]
  if (version !== undefined && otherVersion !== undefined) return compareVersions(version, otherVersion)
  return comparePieces(one.match(/\d+|\D+/g) ?? [], other.match(/\d+|\D+/g) ?? [])
}

function comparePieces(one: readonly string[], other: readonly string[]): number {
  for (const [place, piece] of one.entries()) {
    const against = other[place]
    if (against === undefined) return 1
    if (piece === against) continue
    const difference = Number(piece) - Number(against)
    if (Number.isFinite(difference) && difference !== 0) return difference
    return piece < against ? -1 : 1
  }
  return one.length - other.length
}
