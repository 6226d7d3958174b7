import type { Digest } from '../../src/oci/digest.ts'
import type { ManifestFacts, RepositoryFacts, TagFacts } from '../../src/retention/facts.ts'
import type { ImagesOfTag } from '../../src/retention/images-of-tag.ts'
import type { Reason } from '../../src/retention/reason.ts'
import type { RetentionRule, RetentionRules } from '../../src/retention/rules.ts'

/**
 * The rules of docs/operations/retention.md, each sentence by itself and as slowly as it reads: nothing of src/retention is used but its types.
 * What comes out is 'stays' or 'goes', and the kind of the reason.
 */
export type Verdict = `${'stays' | 'goes'}: ${Reason['kind']}`

type Facts = Omit<RepositoryFacts, 'moves'>

export function verdictOfTag(rules: RetentionRules, repository: Facts, tag: TagFacts, nowMs: number): Verdict {
  const verdict = withoutBrake(rules, repository, tag, nowMs)
  if (!verdict.startsWith('goes')) return verdict
  const images = repository.tags.filter((each) => !isPartOfAnImage(each))
  return images.every((each) => withoutBrake(rules, repository, each, nowMs).startsWith('goes')) ? 'stays: every tag' : verdict
}

function withoutBrake(rules: RetentionRules, repository: Facts, tag: TagFacts, nowMs: number): Verdict {
  if (looksAttached(tag.name)) return 'stays: attached'
  if (tag.isReferrer) return 'stays: referrer'
  if (tag.isChild) return 'stays: child'
  if (tag.isUnreadable) return 'stays: unreadable'
  if (tag.isHeld) return 'stays: held'
  const isNamedIn = (sets: RetentionRules['immutable']) =>
    sets.some(
      (set) => set.repositories.some((each) => each.fits(repository.name)) && set.tags.some((each) => each.fits(tag.name)),
    )
  if (isNamedIn(rules.immutable)) return 'stays: immutable'
  if (isNamedIn(rules.protected)) return 'stays: protected'
  const rule = firstRule(rules, repository)
  if (rule === undefined) return 'stays: no rule'
  if (!names(rule, tag)) return 'stays: unnamed'
  const { newest, versions, pushedMs, pulledMs, moves, running } = rule.keep
  const others = repository.tags.filter((each) => !isPartOfAnImage(each) && names(rule, each))
  if (newest !== undefined) {
    const age = timeOfImage(others, tag.digest)
    const newer = new Set(
      others.filter((each) => (timeOfImage(others, each.digest) ?? -1) > (age ?? -1)).map((each) => each.digest),
    )
    if (age !== undefined && newer.size < newest) return 'stays: newest'
    if (others.some((each) => each.digest === tag.digest && each.pushedMs === undefined)) return 'stays: push unknown'
  }
  if (versions !== undefined) {
    const own = versionKey(tag.name)
    if (own === undefined) return 'stays: no version'
    const higher = new Set(others.flatMap((each) => versionKey(each.name) ?? []).filter((key) => key > own))
    if (higher.size < versions) return 'stays: versions'
  }
  if (pushedMs !== undefined) {
    if (tag.pushedMs === undefined) return 'stays: push unknown'
    if (tag.pushedMs + pushedMs > nowMs) return 'stays: pushed'
  }
  if (pulledMs !== undefined) {
    const pulled = pull(tag, repository, pulledMs, nowMs)
    if (pulled !== undefined) return pulled
  }
  if (running && tag.runsOn !== undefined) return 'stays: running'
  if (running && repository.runningUnknown !== undefined) return 'stays: running unknown'
  return moves === undefined ? 'goes: not kept' : 'stays: moves'
}

export function verdictOfManifest(
  rules: RetentionRules,
  repository: Facts,
  manifest: ManifestFacts,
  { pasts, nowMs }: { readonly pasts: ReadonlyMap<string, ImagesOfTag>; readonly nowMs: number },
): Verdict {
  if (manifest.isChild) return 'stays: child'
  if (manifest.isReferrer) return 'stays: referrer'
  if (manifest.isUnreadable) return 'stays: unreadable'
  if (manifest.isHeld) return 'stays: held'
  if (rules.untaggedMs === undefined) return 'stays: untagged stay'
  const rule = firstRule(rules, repository)
  const moves = rule?.keep.moves
  if (rule !== undefined && moves !== undefined) {
    const named = repository.tags.filter((tag) => names(rule, tag) && !looksAttached(tag.name))
    const pastOf = (tag: TagFacts) => pasts.get(tag.name)
    if (named.some((tag) => isAmongLast(pastOf(tag), manifest.digest, moves))) return 'stays: moved away'
    if (named.some((tag) => !isKnown(pastOf(tag)))) return 'stays: moves unknown'
  }
  if (rule?.keep.running === true && manifest.runsOn !== undefined) return 'stays: running'
  if (rule?.keep.running === true && repository.runningUnknown !== undefined) return 'stays: running unknown'
  if (manifest.untaggedSinceMs === undefined) return 'stays: untagged unknown'
  if (manifest.untaggedSinceMs + rules.untaggedMs > nowMs) return 'stays: untagged young'
  if (manifest.pushedMs === undefined) return 'stays: push unknown'
  if (manifest.pushedMs + rules.untaggedMs > nowMs) return 'stays: pushed'
  return pull(manifest, repository, rules.untaggedMs, nowMs) ?? 'goes: untagged'
}

function pull(
  { pulledMs }: { readonly pulledMs: number | undefined },
  { pullsKnownSinceMs }: Facts,
  withinMs: number,
  nowMs: number,
): Verdict | undefined {
  if (pulledMs !== undefined && pulledMs + withinMs > nowMs) return 'stays: pulled'
  if (pullsKnownSinceMs === undefined) return 'stays: pull unknown'
  return pullsKnownSinceMs + withinMs > nowMs ? 'stays: pulls noted' : undefined
}

function isKnown(past: ImagesOfTag | undefined): past is ImagesOfTag {
  return past !== undefined && [past.recorded, past.remembered].some((source) => source.has(past.present))
}

/** Fewer than so many images are certain to have come after it. */
function isAmongLast(past: ImagesOfTag | undefined, digest: Digest, moves: number): boolean {
  if (!isKnown(past)) return false
  const images = [...new Set([...past.recorded.keys(), ...past.remembered.keys()])]
  if (!images.includes(digest)) return false
  return images.filter((other) => other !== digest && isCertainlyLater(past, other, digest)).length < moves
}

function isCertainlyLater(past: ImagesOfTag, one: Digest, other: Digest): boolean {
  if (one === past.present) return true
  if (other === past.present) return false
  const others = [...past.recorded.keys(), ...past.remembered.keys()].filter((each) => each !== past.present)
  const contradicts = others.some((each) => noSooner(past, each) > noLater(past, past.present))
  return !contradicts && noSooner(past, one) > noLater(past, other)
}

/** The record is right, but the tag may have come there again by another registry, which the index tells, ten seconds more or less. */
function noSooner({ recorded, remembered }: ImagesOfTag, digest: Digest): number {
  return recorded.get(digest) ?? (remembered.get(digest) ?? 0) - 10_000
}

function noLater({ recorded, remembered }: ImagesOfTag, digest: Digest): number {
  const [record, index] = [recorded.get(digest), remembered.get(digest)]
  if (record === undefined) return (index ?? 0) + 10_000
  return index === undefined || index <= record + 10_000 ? record : index + 10_000
}

function firstRule({ rules }: RetentionRules, { name }: Facts): RetentionRule | undefined {
  for (const rule of rules) if (rule.repositories.some((each) => each.fits(name))) return rule
  return undefined
}

function names(rule: RetentionRule, tag: TagFacts): boolean {
  return rule.tags.some((each) => each.fits(tag.name))
}

function isPartOfAnImage(tag: TagFacts): boolean {
  return looksAttached(tag.name) || tag.isReferrer || tag.isChild || tag.isUnreadable
}

function looksAttached(name: string): boolean {
  const [head = '', ...rest] = name.split('.')
  return ['sha256-', 'sha512-'].includes(head.slice(0, 7)) && (rest.length > 0 || head.length === 71) && isHex64(head.slice(7))
}

function isHex64(text: string): boolean {
  return text.length === 64 && [...text].every((letter) => '0123456789abcdef'.includes(letter))
}

/** The newest known time of the tags on one digest. */
function timeOfImage(tags: readonly TagFacts[], digest: string): number | undefined {
  const times = tags.flatMap((tag) => (tag.digest === digest && tag.pushedMs !== undefined ? [tag.pushedMs] : []))
  return times.length === 0 ? undefined : Math.max(...times)
}

/** A text that is ordered as the versions are which the generator makes: three numbers below 100, and rc. and a number below 100. */
function versionKey(name: string): string | undefined {
  const parts = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(-rc\.(\d+))?$/.exec(name)
  if (parts === null) return undefined
  const [, one = '0', two = '0', three = '0', before, number = '0'] = parts
  return [one, two, three, before === undefined ? '1' : '0', number].map((part) => part.padStart(2, '0')).join(' ')
}
