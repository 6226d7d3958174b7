import type { Tag } from '../oci/reference.ts'
import type { RunningUnknown } from './facts.ts'

/** Why something stays or goes: the one reason that decided. Times are in milliseconds. */
export type Reason =
  | { readonly kind: 'attached' | 'referrer' | 'child' | 'held' | 'immutable' | 'protected' | 'no rule' | 'unreadable' }
  | { readonly kind: 'unnamed'; readonly rule: number }
  | { readonly kind: 'newest' | 'versions' | 'moves'; readonly rule: number; readonly count: number }
  | { readonly kind: 'pushed' | 'pulled'; readonly atMs: number; readonly withinMs: number }
  | { readonly kind: 'pulls noted'; readonly sinceMs: number; readonly withinMs: number }
  | { readonly kind: 'running'; readonly host: string }
  | ({ readonly kind: 'running unknown' } & RunningUnknown)
  | { readonly kind: 'no version' | 'push unknown' | 'pull unknown' }
  /** All tags of the repository would go: then none does. */
  | { readonly kind: 'every tag'; readonly rule: number; readonly tags: number }
  | { readonly kind: 'not kept'; readonly rule: number }
  | { readonly kind: 'untagged stay' | 'untagged unknown' }
  | { readonly kind: 'moved away'; readonly tag: Tag; readonly count: number }
  | { readonly kind: 'moves unknown'; readonly tag: Tag }
  | { readonly kind: 'untagged young' | 'untagged'; readonly sinceMs: number; readonly withinMs: number }

/** For the operator: to be read after 'stays: ' or 'goes: '. */
export function wordsOf(reason: Reason): string {
  switch (reason.kind) {
    case 'attached':
      return 'it is attached to an image, and goes with that'
    case 'referrer':
      return 'it is about another image, and goes with that'
    case 'child':
      return 'it is part of an image index, and goes with that'
    case 'held':
      return 'it is held (berth unhold lets it go)'
    case 'immutable':
      return 'retention.immutable names it'
    case 'protected':
      return 'retention.protected names it'
    case 'no rule':
      return 'no rule is about the repository'
    case 'unreadable':
      return 'it cannot be read, and what it needs is not known'
    case 'unnamed':
      return `rule ${reason.rule} does not name it`
    case 'newest':
      return `it is among the newest ${reason.count} of rule ${reason.rule}`
    case 'versions':
      return `it is among the highest ${reason.count} versions of rule ${reason.rule}`
    case 'moves':
      return `rule ${reason.rule} keeps the tag with its last ${reason.count} images`
    case 'pushed':
      return `it was pushed ${dayOf(reason.atMs)}, within ${spanOf(reason.withinMs)}`
    case 'pulled':
      return `it was pulled ${dayOf(reason.atMs)}, within ${spanOf(reason.withinMs)}`
    case 'pulls noted':
      return `pulls are noted since ${dayOf(reason.sinceMs)} only, less than ${spanOf(reason.withinMs)}`
    case 'running':
      return `it runs on ${reason.host}`
    case 'running unknown':
      return unknownRunning(reason)
    case 'no version':
      return 'its name is no version, which has no place among versions'
    case 'push unknown':
      return 'it is not known when it was pushed'
    case 'pull unknown':
      return 'it is not known when it was last pulled'
    case 'every tag':
      return `rule ${reason.rule} would take ${allOf(reason.tags)} of the repository, and so takes none; berth delete does`
    case 'not kept':
      return `rule ${reason.rule} names it, and none of its lines keeps it`
    case 'untagged stay':
      return 'it has no tag, and retention.untagged is keep'
    case 'untagged unknown':
      return 'it is not known since when it has no tag'
    case 'moved away':
      return `it is among the last ${reason.count} images of the tag ${reason.tag}`
    case 'moves unknown':
      return `it is not known which images the tag ${reason.tag} led to`
    case 'untagged young':
      return `it has had no tag since ${dayOf(reason.sinceMs)}, less than ${spanOf(reason.withinMs)}`
    case 'untagged':
      return `it has had no tag since ${dayOf(reason.sinceMs)}, for ${spanOf(reason.withinMs)} or more`
  }
}

function unknownRunning({ host, seenMs }: RunningUnknown): string {
  if (host === undefined) return 'it is not known what runs, because no agent has reported'
  const since = seenMs === undefined ? '' : `, which last reported ${dayOf(seenMs)}`
  return `it is not known what runs on ${host}${since} (berth deployments forget ${host} if it is gone)`
}

function allOf(tags: number): string {
  return tags === 1 ? 'the only tag' : `all ${tags} tags`
}

/** The same day in every time zone of the reader. */
function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const

/** In the largest unit that divides it. */
function spanOf(ms: number): string {
  const [unit, length] = UNITS.find(([, unitMs]) => ms % unitMs === 0) ?? ['ms', 1]
  return `${ms / length}${unit}`
}
