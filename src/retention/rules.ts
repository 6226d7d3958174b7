import { isAttachedTag } from '../oci/tags/attached-tag.ts'

/** What an operator wrote about which tags stay (docs/operations/retention.md). Times are in milliseconds. */
export interface RetentionRules {
  /** In their order: the first one whose repositories fit decides, and no other. */
  readonly rules: readonly RetentionRule[]
  /** For how long a manifest stays without a tag; undefined: for ever. */
  readonly untaggedMs: number | undefined
  /** Tags that neither move nor go. */
  readonly immutable: readonly TagSet[]
  /** Tags that may move, and do not go. */
  readonly protected: readonly TagSet[]
}

export const NO_RETENTION: RetentionRules = { rules: [], untaggedMs: undefined, immutable: [], protected: [] }

/** A pattern of names. */
export interface NamePattern {
  fits(name: string): boolean
}

/** Tags by name, in repositories by name. */
export interface TagSet {
  readonly repositories: readonly NamePattern[]
  readonly tags: readonly NamePattern[]
}

/** A tag that it names goes when none of its lines keeps it. */
export interface RetentionRule extends TagSet {
  readonly keep: KeepLines
}

/** Each line keeps tags by itself; undefined: it is not there. At least one is there. */
export interface KeepLines {
  /** So many images, by the time at which their tags were pushed. */
  readonly newest: number | undefined
  /** So many versions, the highest ones by the numbers in the names of the tags. */
  readonly versions: number | undefined
  /** What was pushed within this time. */
  readonly pushedMs: number | undefined
  /** What was pulled within this time. */
  readonly pulledMs: number | undefined
  /** Each tag, and so many of the images that it led to last, the present one among them. */
  readonly moves: number | undefined
  /** What runs somewhere, by the report of an agent. */
  readonly running: boolean
}

/** The first rule about a repository, with its place in the list, from 1 on. */
export function ruleFor(
  { rules }: Pick<RetentionRules, 'rules'>,
  repository: string,
): { readonly rule: RetentionRule; readonly place: number } | undefined {
  const index = rules.findIndex(({ repositories }) => fitsAny(repositories, repository))
  const rule = rules[index]
  return rule && { rule, place: index + 1 }
}

/** Why neither a client nor a rule may take a tag; undefined: none of the lists names it. What is attached to an image goes with that. */
export function listedAs(
  { immutable, protected: guarded }: Pick<RetentionRules, 'immutable' | 'protected'>,
  repository: string,
  tag: string,
): 'immutable' | 'protected' | undefined {
  if (isAttachedTag(tag)) return undefined
  if (isInSets(immutable, repository, tag)) return 'immutable'
  return isInSets(guarded, repository, tag) ? 'protected' : undefined
}

function isInSets(sets: readonly TagSet[], repository: string, tag: string): boolean {
  return sets.some(({ repositories, tags }) => fitsAny(repositories, repository) && fitsAny(tags, tag))
}

export function fitsAny(patterns: readonly NamePattern[], name: string): boolean {
  return patterns.some((pattern) => pattern.fits(name))
}
