import type { Digest } from '../oci/digest.ts'
import type { Tag } from '../oci/reference.ts'
import { type Decision, goes, keptByPull, keptByPush, stays } from './decision.ts'
import type { ManifestFacts, RepositoryFacts } from './facts.ts'
import type { Reason } from './reason.ts'
import { fitsAny, type RetentionRules, ruleFor } from './rules.ts'

/** What becomes of each manifest without a tag, in their order. */
export function decideUntagged(rules: RetentionRules, repository: RepositoryFacts, nowMs: number): readonly Decision[] {
  const { untaggedMs } = rules
  const earlier = earlierImages(rules, repository)
  return repository.untagged.map((manifest) => {
    const belonging = belongingOf(manifest)
    if (belonging !== undefined) return stays(belonging)
    if (untaggedMs === undefined) return stays({ kind: 'untagged stay' })
    const because = keptByMoves(manifest, earlier) ?? keptByTime(manifest, repository, untaggedMs, nowMs)
    if (because !== undefined) return stays(because)
    return goes({ kind: 'untagged', sinceMs: manifest.untaggedSinceMs ?? nowMs, withinMs: untaggedMs })
  })
}

function belongingOf({ isChild, isReferrer, isHeld, isUnreadable }: ManifestFacts): Reason | undefined {
  if (isChild) return { kind: 'child' }
  if (isReferrer) return { kind: 'referrer' }
  if (isUnreadable) return { kind: 'unreadable' }
  return isHeld ? { kind: 'held' } : undefined
}

interface EarlierImages {
  readonly count: number
  /** The tag that an earlier image belongs to. */
  readonly tags: ReadonlyMap<Digest, Tag>
  /** A tag of which it is not known what it led to: any manifest may have been one of its images. */
  readonly unknown: Tag | undefined
}

/** What a line `moves` keeps, beside the tags themselves. */
function earlierImages(rules: RetentionRules, { name, tags }: RepositoryFacts): EarlierImages | undefined {
  const rule = ruleFor(rules, name)?.rule
  const count = rule?.keep.moves
  if (rule === undefined || count === undefined) return undefined
  const images = new Map<Digest, Tag>()
  const named = tags.filter((tag) => fitsAny(rule.tags, tag.name))
  for (const tag of named)
    for (const digest of tag.moves?.slice(0, count) ?? []) if (!images.has(digest)) images.set(digest, tag.name)
  return { count, tags: images, unknown: named.find(({ moves }) => moves === undefined)?.name }
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
