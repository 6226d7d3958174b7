import type { Digest } from '../oci/digest.ts'
import { isAttachedTag } from './attached-tag.ts'
import { type Decision, goes, keptByPull, keptByPush, stays } from './decision.ts'
import type { RepositoryFacts, TagFacts } from './facts.ts'
import type { Reason } from './reason.ts'
import { fitsAny, listedAs, type RetentionRule, type RetentionRules, ruleFor } from './rules.ts'
import { compareVersions, findVersion, type Version } from './version-order.ts'

/**
 * What becomes of each tag, in the order of the tags. What belongs to an image neither goes by a rule nor takes a place among the newest. A rule
 * that would take every tag of the repository takes none.
 */
export function decideTags(rules: RetentionRules, repository: RepositoryFacts, nowMs: number): readonly Decision[] {
  const found = ruleFor(rules, repository.name)
  const lines = found && new Lines(found, repository, nowMs)
  const decisions = repository.tags.map((tag) => {
    const because = belongingOf(tag) ?? keptByOperator(rules, repository, tag)
    if (because !== undefined) return stays(because)
    return lines === undefined ? stays({ kind: 'no rule' }) : lines.decide(tag)
  })
  return found === undefined ? decisions : withBrake(repository.tags, decisions, found.place)
}

/** What goes by no rule, because it goes with an image or cannot be read. */
function belongingOf({ name, isReferrer, isChild, isUnreadable }: TagFacts): Reason | undefined {
  if (isAttachedTag(name)) return { kind: 'attached' }
  if (isReferrer) return { kind: 'referrer' }
  if (isChild) return { kind: 'child' }
  return isUnreadable ? { kind: 'unreadable' } : undefined
}

function keptByOperator(rules: RetentionRules, { name }: RepositoryFacts, tag: TagFacts): Reason | undefined {
  if (tag.isHeld) return { kind: 'held' }
  const kind = listedAs(rules, name, tag.name)
  return kind && { kind }
}

function withBrake(tags: readonly TagFacts[], decisions: readonly Decision[], rule: number): readonly Decision[] {
  const images = tags.flatMap((tag, index) => (belongingOf(tag) === undefined ? [decisions[index]] : []))
  if (images.length === 0 || images.some((decision) => decision?.goes !== true)) return decisions
  return decisions.map((decision) => (decision.goes ? stays({ kind: 'every tag', rule, tags: images.length }) : decision))
}

/** The lines of one rule over one repository. */
class Lines {
  readonly #rule: RetentionRule
  readonly #place: number
  readonly #nowMs: number
  readonly #pullsKnownSinceMs: number | undefined
  readonly #newest: ReadonlySet<Digest>
  readonly #unknown: ReadonlySet<Digest>
  readonly #lowestVersion: Version | undefined

  constructor(found: { readonly rule: RetentionRule; readonly place: number }, repository: RepositoryFacts, nowMs: number) {
    this.#rule = found.rule
    this.#place = found.place
    this.#nowMs = nowMs
    this.#pullsKnownSinceMs = repository.pullsKnownSinceMs
    const { newest, versions } = found.rule.keep
    const images = repository.tags.filter((tag) => belongingOf(tag) === undefined && fitsAny(found.rule.tags, tag.name))
    this.#unknown = new Set(images.filter(({ pushedMs }) => pushedMs === undefined).map(({ digest }) => digest))
    this.#newest = newest === undefined ? new Set() : newestOf(images, newest)
    this.#lowestVersion = versions === undefined ? undefined : lowestKept(images, versions)
  }

  decide(tag: TagFacts): Decision {
    if (!fitsAny(this.#rule.tags, tag.name)) return stays({ kind: 'unnamed', rule: this.#place })
    const because = this.#keptByNewest(tag) ?? this.#keptByVersion(tag) ?? this.#keptByTime(tag) ?? this.#keptByMoves()
    return because === undefined ? goes({ kind: 'not kept', rule: this.#place }) : stays(because)
  }

  #keptByNewest({ digest }: TagFacts): Reason | undefined {
    const count = this.#rule.keep.newest
    if (count === undefined) return undefined
    if (this.#newest.has(digest)) return { kind: 'newest', rule: this.#place, count }
    return this.#unknown.has(digest) ? { kind: 'push unknown' } : undefined
  }

  #keptByVersion({ name }: TagFacts): Reason | undefined {
    const count = this.#rule.keep.versions
    if (count === undefined) return undefined
    const version = findVersion(name)
    if (version === undefined) return { kind: 'no version' }
    const isKept = this.#lowestVersion !== undefined && compareVersions(version, this.#lowestVersion) >= 0
    return isKept ? { kind: 'versions', rule: this.#place, count } : undefined
  }

  #keptByTime({ pushedMs, pulledMs }: TagFacts): Reason | undefined {
    const { keep } = this.#rule
    const pushed = keep.pushedMs === undefined ? undefined : keptByPush(pushedMs, keep.pushedMs, this.#nowMs)
    if (pushed !== undefined || keep.pulledMs === undefined) return pushed
    return keptByPull({ pulledMs, knownSinceMs: this.#pullsKnownSinceMs }, keep.pulledMs, this.#nowMs)
  }

  #keptByMoves(): Reason | undefined {
    const count = this.#rule.keep.moves
    return count === undefined ? undefined : { kind: 'moves', rule: this.#place, count }
  }
}

/** Images that no more than so many others are newer than. Tags of one digest are one image, as new as the newest of them. */
function newestOf(tags: readonly TagFacts[], count: number): ReadonlySet<Digest> {
  const pushedMs = new Map<Digest, number>()
  for (const tag of tags)
    if (tag.pushedMs !== undefined) pushedMs.set(tag.digest, Math.max(tag.pushedMs, pushedMs.get(tag.digest) ?? tag.pushedMs))
  const times = [...pushedMs.values()].sort((one, other) => other - one)
  const oldestMs = times[Math.min(count, times.length) - 1] ?? Number.POSITIVE_INFINITY
  return new Set([...pushedMs].filter(([, ms]) => ms >= oldestMs).map(([digest]) => digest))
}

/** The lowest of the so many highest versions; the same version in two ways to write it is one. */
function lowestKept(tags: readonly TagFacts[], count: number): Version | undefined {
  const versions = tags.flatMap(({ name }) => findVersion(name) ?? []).sort((one, other) => compareVersions(other, one))
  const different = versions.filter((version, index) => {
    const before = versions[index - 1]
    return before === undefined || compareVersions(before, version) !== 0
  })
  return different[Math.min(count, different.length) - 1]
}
