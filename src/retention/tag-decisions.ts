import type { Digest } from '../oci/digest.ts'
import { isAttachedTag } from '../oci/tags/attached-tag.ts'
import { compareVersions, findVersion, keyOfVersion, type Version } from '../oci/tags/version-order.ts'
import { type Decided, type Decision, goes, keptByPull, keptByPush, keptByRunning, stays } from './decision.ts'
import type { RepositoryFacts, TagFacts } from './facts.ts'
import { Highest } from './highest.ts'
import type { Reason } from './reason.ts'
import { fitsAny, listedAs, type RetentionRule, type RetentionRules, ruleFor } from './rules.ts'
import { AT_ONCE, slicesOf, type Turn } from './turns.ts'

/**
 * What becomes of each tag, in the order of the tags. What belongs to an image neither goes by a rule nor takes a place among the newest. A rule
 * that would take every tag of the repository takes none.
 */
export async function decideTags(
  rules: RetentionRules,
  repository: RepositoryFacts,
  { nowMs, turn }: { readonly nowMs: number; readonly turn: Turn },
): Promise<readonly Decided<TagFacts>[]> {
  const found = ruleFor(rules, repository.name)
  const lines = found && (await Lines.over(found, repository, { nowMs, turn }))
  const decided: Decided<TagFacts>[] = []
  let [images, going] = [0, 0]
  for await (const tags of slicesOf(repository.tags, turn)) {
    for (const tag of tags) {
      const belonging = belongingOf(tag)
      const because = belonging ?? keptByOperator(rules, repository, tag)
      const decision = because === undefined ? (lines?.decide(tag) ?? stays({ kind: 'no rule' })) : stays(because)
      if (belonging === undefined) images += 1
      if (decision.goes) going += 1
      decided.push({ about: tag, goes: decision.goes, because: decision.because })
    }
  }
  if (found === undefined || images === 0 || going < images) return decided
  return await braked(decided, { kind: 'every tag', rule: found.place, tags: images }, turn)
}

async function braked(decided: readonly Decided<TagFacts>[], because: Reason, turn: Turn): Promise<readonly Decided<TagFacts>[]> {
  const all: Decided<TagFacts>[] = []
  for await (const slice of slicesOf(decided, turn))
    for (const each of slice) all.push(each.goes ? { about: each.about, ...stays(because) } : each)
  return all
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

type Known = Pick<RepositoryFacts, 'pullsKnownSinceMs' | 'runningUnknown'>

interface FoundRule {
  readonly rule: RetentionRule
  readonly place: number
}

/** The lines of one rule over one repository. */
class Lines {
  readonly #rule: RetentionRule
  readonly #place: number
  readonly #nowMs: number
  readonly #repository: Known
  /** When the images were pushed, each by the newest of its tags. */
  readonly #pushedMs = new Map<Digest, number>()
  /** Images of which it is not known, of one tag at least, when it was pushed. */
  readonly #unknown = new Set<Digest>()
  readonly #times: Highest<number>
  readonly #versions: Highest<Version>
  readonly #versionKeys = new Set<string>()

  private constructor({ rule, place }: FoundRule, repository: Known, nowMs: number) {
    this.#rule = rule
    this.#place = place
    this.#nowMs = nowMs
    this.#repository = repository
    this.#times = new Highest(rule.keep.newest ?? 0, (one, other) => one - other)
    this.#versions = new Highest(rule.keep.versions ?? 0, compareVersions)
  }

  static async over(
    found: FoundRule,
    repository: RepositoryFacts,
    { nowMs, turn }: { readonly nowMs: number; readonly turn: Turn },
  ): Promise<Lines> {
    const lines = new Lines(found, repository, nowMs)
    for await (const slice of slicesOf(repository.tags, turn)) for (const tag of slice) lines.#take(tag)
    let taken = 0
    for (const pushedMs of lines.#pushedMs.values()) {
      lines.#times.add(pushedMs)
      taken += 1
      if (taken % AT_ONCE === 0) await turn()
    }
    return lines
  }

  #take(tag: TagFacts): void {
    const { keep, tags } = this.#rule
    if (belongingOf(tag) !== undefined || !fitsAny(tags, tag.name)) return
    const { digest, pushedMs } = tag
    if (keep.newest !== undefined) {
      if (pushedMs === undefined) this.#unknown.add(digest)
      else this.#pushedMs.set(digest, Math.max(pushedMs, this.#pushedMs.get(digest) ?? pushedMs))
    }
    const version = keep.versions === undefined ? undefined : findVersion(tag.name)
    if (version !== undefined) this.#takeVersion(version)
  }

  /** The same version in two ways to write it is one. */
  #takeVersion(version: Version): void {
    const key = keyOfVersion(version)
    if (this.#versionKeys.has(key)) return
    this.#versionKeys.add(key)
    this.#versions.add(version)
  }

  decide(tag: TagFacts): Decision {
    if (!fitsAny(this.#rule.tags, tag.name)) return stays({ kind: 'unnamed', rule: this.#place })
    const because = this.#keptByNewest(tag) ?? this.#keptByVersion(tag) ?? this.#keptByTime(tag) ?? this.#keptByRest(tag)
    return because === undefined ? goes({ kind: 'not kept', rule: this.#place }) : stays(because)
  }

  #keptByNewest({ digest }: TagFacts): Reason | undefined {
    const count = this.#rule.keep.newest
    if (count === undefined) return undefined
    const pushedMs = this.#pushedMs.get(digest)
    if (pushedMs !== undefined && pushedMs >= (this.#times.lowest() ?? Number.POSITIVE_INFINITY))
      return { kind: 'newest', rule: this.#place, count }
    return this.#unknown.has(digest) ? { kind: 'push unknown' } : undefined
  }

  #keptByVersion({ name }: TagFacts): Reason | undefined {
    const count = this.#rule.keep.versions
    if (count === undefined) return undefined
    const version = findVersion(name)
    if (version === undefined) return { kind: 'no version' }
    const lowest = this.#versions.lowest()
    const isKept = lowest !== undefined && compareVersions(version, lowest) >= 0
    return isKept ? { kind: 'versions', rule: this.#place, count } : undefined
  }

  #keptByTime({ pushedMs, pulledMs }: TagFacts): Reason | undefined {
    const { keep } = this.#rule
    const pushed = keep.pushedMs === undefined ? undefined : keptByPush(pushedMs, keep.pushedMs, this.#nowMs)
    if (pushed !== undefined || keep.pulledMs === undefined) return pushed
    return keptByPull({ pulledMs, knownSinceMs: this.#repository.pullsKnownSinceMs }, keep.pulledMs, this.#nowMs)
  }

  #keptByRest(tag: TagFacts): Reason | undefined {
    const { running, moves: count } = this.#rule.keep
    const because = running ? keptByRunning(tag, this.#repository) : undefined
    if (because !== undefined) return because
    return count === undefined ? undefined : { kind: 'moves', rule: this.#place, count }
  }
}
