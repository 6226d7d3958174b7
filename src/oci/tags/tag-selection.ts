import type { Tag } from '../reference.ts'
import { TagGlob } from '../tag-glob.ts'
import { isAttachedTag } from './attached-tag.ts'
import { compareVersions, findVersion, keyOfVersion } from './version-order.ts'
import { VersionRange } from './version-range.ts'

/** Which tags of a repository are meant. */
export type TagPattern =
  | { readonly kind: 'names'; readonly text: string; readonly glob: TagGlob }
  | { readonly kind: 'versions'; readonly text: string; readonly range: VersionRange }
  | { readonly kind: 'newest'; readonly text: string; readonly count: number }

/** What a pattern may be, to be read after the text. */
export const TAG_PATTERN_RULE =
  "is no pattern for tags; write letters, digits, '_', '.', '-', and '*' for any letters, or semver:>=1.2 <2 for versions, or newest:3 for so many of the highest versions"

/** Undefined for what can fit no tag. */
export function findTagPattern(text: string): TagPattern | undefined {
  const [, kind, rest = ''] = /^(semver|newest):(.*)$/s.exec(text) ?? []
  if (kind === 'semver') {
    const range = VersionRange.find(rest.trim())
    return range && { kind: 'versions', text, range }
  }
  if (kind === 'newest') return /^[1-9]\d{0,5}$/.test(rest) ? { kind: 'newest', text, count: Number(rest) } : undefined
  const glob = TagGlob.find(text)
  return glob && { kind: 'names', text, glob }
}

/** Chooses tags by all of some patterns; without a pattern, every tag. */
export class TagSelection {
  readonly #patterns: readonly TagPattern[]
  readonly #newest: number | undefined

  constructor(patterns: readonly TagPattern[]) {
    const counts = patterns.flatMap((pattern) => (pattern.kind === 'newest' ? [pattern.count] : []))
    this.#newest = counts.length === 0 ? undefined : Math.max(...counts)
    this.#patterns = patterns.filter(({ kind }) => kind !== 'newest')
  }

  /** Every tag is meant, whatever it is called. */
  get isAll(): boolean {
    return this.#patterns.length === 0 && this.#newest === undefined
  }

  /**
   * Those that a pattern fits. `newest` leaves of the versions among them the highest; alone it means these, and no tag that is no version. What is
   * attached to an image by its tag goes with that, and is not chosen by its name.
   */
  choose(tags: readonly Tag[]): readonly Tag[] {
    const fitting = tags.filter((tag) => !isAttachedTag(tag) && this.#fits(tag))
    if (this.#newest === undefined) return fitting
    const highest = highestKeys(fitting, this.#newest)
    return fitting.filter((tag) => {
      const key = keyOf(tag)
      return key === undefined ? this.#patterns.length > 0 : highest.has(key)
    })
  }

  #fits(tag: Tag): boolean {
    if (this.#patterns.length === 0) return true
    const version = findVersion(tag)
    return this.#patterns.some((pattern) => {
      if (pattern.kind === 'names') return pattern.glob.fits(tag)
      return pattern.kind === 'versions' && version !== undefined && pattern.range.fits(version)
    })
  }
}

function keyOf(tag: Tag): string | undefined {
  const version = findVersion(tag)
  return version && keyOfVersion(version)
}

/** Of so many versions; 1.2 and v1.2.0 are one. */
function highestKeys(tags: readonly Tag[], count: number): ReadonlySet<string> {
  const versions = new Map(
    tags.flatMap((tag) => {
      const version = findVersion(tag)
      return version === undefined ? [] : [[keyOfVersion(version), version] as const]
    }),
  )
  const ordered = [...versions].toSorted(([, one], [, other]) => compareVersions(other, one))
  return new Set(ordered.slice(0, count).map(([key]) => key))
}
