import type { Digest } from '../oci/digest.ts'
import type { Tag } from '../oci/reference.ts'
import { isAttachedTag } from '../oci/tags/attached-tag.ts'
import { type Decided, type Decision, goes, keptByPull, keptByPush, keptByRunning, stays } from './decision.ts'
import type { ManifestFacts, RepositoryFacts } from './facts.ts'
import type { Reason } from './reason.ts'
import { fitsAny, type RetentionRule, type RetentionRules, ruleFor } from './rules.ts'
import { slicesOf, type Turn } from './turns.ts'

/** What becomes of each manifest without a tag, in their order. */
export async function decideUntagged(
  rules: RetentionRules,
  repository: RepositoryFacts,
  { nowMs, turn }: { readonly nowMs: number; readonly turn: Turn },
): Promise<readonly Decided<ManifestFacts>[]> {
  if (repository.untagged.length === 0) return []
  const earlier = await imagesKeptByMoves(rules, repository, turn)
  const decided: Decided<ManifestFacts>[] = []
  for await (const slice of slicesOf(repository.untagged, turn))
    for (const about of slice) decided.push({ about, ...decide(about, { rules, repository, earlier, nowMs }) })
  return decided
}

interface Around {
  readonly rules: RetentionRules
  readonly repository: RepositoryFacts
  readonly earlier: EarlierImages | undefined
  readonly nowMs: number
}

function decide(manifest: ManifestFacts, { rules, repository, earlier, nowMs }: Around): Decision {
  const { untaggedMs } = rules
  const belonging = belongingOf(manifest)
  if (belonging !== undefined) return stays(belonging)
  if (untaggedMs === undefined) return stays({ kind: 'untagged stay' })
  const running = keepsRunning(rules, repository.name) ? keptByRunning(manifest, repository) : undefined
  const because = keptByMoves(manifest, earlier) ?? running ?? keptByTime(manifest, repository, untaggedMs, nowMs)
  if (because !== undefined) return stays(because)
  return goes({ kind: 'untagged', sinceMs: manifest.untaggedSinceMs ?? nowMs, withinMs: untaggedMs })
}

/** What goes with something else, or is held. */
export function belongingOf({ isChild, isReferrer, isHeld, isUnreadable }: Belonging): Reason | undefined {
  if (isChild) return { kind: 'child' }
  if (isReferrer) return { kind: 'referrer' }
  if (isUnreadable) return { kind: 'unreadable' }
  return isHeld ? { kind: 'held' } : undefined
}

type Belonging = Pick<ManifestFacts, 'isChild' | 'isReferrer' | 'isHeld' | 'isUnreadable'>

export interface EarlierImages {
  readonly count: number
  /** The tag that an earlier image belongs to. */
  readonly tags: ReadonlyMap<Digest, Tag>
  /** A tag of which it is not known what it led to: any manifest may have been one of its images. */
  readonly unknown: Tag | undefined
}

/** What a line `moves` keeps, beside the tags themselves; undefined where no rule has one. */
export async function imagesKeptByMoves(
  rules: Pick<RetentionRules, 'rules'>,
  { name, tags, moves }: Pick<RepositoryFacts, 'name' | 'moves'> & { readonly tags: readonly { readonly name: Tag }[] },
  turn: Turn,
): Promise<EarlierImages | undefined> {
  const found = movesRuleFor(rules, name)
  if (found === undefined) return undefined
  const images = new Map<Digest, Tag>()
  let unknown: Tag | undefined
  for await (const slice of slicesOf(tags, turn)) {
    for (const tag of slice) {
      if (!isMovesTag(found.rule, tag.name)) continue
      const since = moves.get(tag.name)
      if (since === undefined) unknown ??= tag.name
      else for (const [digest, later] of since) if (later < found.count && !images.has(digest)) images.set(digest, tag.name)
    }
  }
  return { count: found.count, tags: images, unknown }
}

/** What is attached to an image goes with that: such a tag keeps no earlier image. */
export function isMovesTag(rule: RetentionRule, tag: string): boolean {
  return !isAttachedTag(tag) && fitsAny(rule.tags, tag)
}

/** The rule about a repository, where it has a line `moves`. */
export function movesRuleFor(
  rules: Pick<RetentionRules, 'rules'>,
  repository: string,
): { readonly rule: RetentionRule; readonly count: number } | undefined {
  const rule = ruleFor(rules, repository)?.rule
  const count = rule?.keep.moves
  return rule === undefined || count === undefined ? undefined : { rule, count }
}

/** The rule about a repository keeps what runs there, with a tag or without one. */
export function keepsRunning(rules: Pick<RetentionRules, 'rules'>, repository: string): boolean {
  return ruleFor(rules, repository)?.rule.keep.running === true
}

function keptByMoves({ digest }: ManifestFacts, earlier: EarlierImages | undefined): Reason | undefined {
  if (earlier === undefined) return undefined
  const tag = earlier.tags.get(digest)
  if (tag !== undefined) return { kind: 'moved away', tag, count: earlier.count }
  return earlier.unknown && { kind: 'moves unknown', tag: earlier.unknown }
}

/** The time runs from the last of three: it lost its tag, it was pushed, it was pulled. */
function keptByTime(
  { untaggedSinceMs, pushedMs, pulledMs }: ManifestFacts,
  { pullsKnownSinceMs }: RepositoryFacts,
  withinMs: number,
  nowMs: number,
): Reason | undefined {
  if (untaggedSinceMs === undefined) return { kind: 'untagged unknown' }
  if (nowMs - untaggedSinceMs < withinMs) return { kind: 'untagged young', sinceMs: untaggedSinceMs, withinMs }
  const pushed = keptByPush(pushedMs, withinMs, nowMs)
  return pushed ?? keptByPull({ pulledMs, knownSinceMs: pullsKnownSinceMs }, withinMs, nowMs)
}
