import { type NameRange, rangesOf, rangesWithin } from '../oci/name-ranges.ts'
import type { RepositoryGlob } from '../oci/repository-glob.ts'
import type { Action, Caller } from './access.ts'

/** The callers that a rule is about. `authenticated` is every caller with a proven name, robots too. */
export type Who =
  | { readonly kind: 'anonymous' | 'authenticated' }
  | { readonly kind: 'user' | 'group' | 'robot'; readonly name: string }

export interface AccessRule {
  readonly who: readonly Who[]
  readonly repositories: readonly RepositoryGlob[]
  /** What they can do; nothing at all where it is empty. */
  readonly can: readonly Action[]
}

/** What is allowed in repositories. */
export interface RepositoryRules {
  may(action: Action, repository: string): boolean
  /** Whether there can be a repository with which the caller may do this. */
  mayAnywhere(action: Action): boolean
  /** With nothing outside of these the caller may do this. */
  ranges(action: Action): readonly NameRange[]
  /** What decides about this, as a text: where it is the same, so is the decision about each repository. */
  text(action: Action): string
}

/** What the operator allows. The first rule that is about the caller and the repository decides; where none is, nothing is allowed. */
export class AccessRules {
  readonly #rules: readonly AccessRule[]

  constructor(rules: readonly AccessRule[]) {
    this.#rules = rules
  }

  /** What one caller may do, for as long as one request takes. */
  for(caller: Caller): CallerRules {
    return new CallerRules(this.#rules.filter((rule) => rule.who.some((who) => isAbout(who, caller))))
  }

  /** The rule that decides, with its number from 1; undefined where no rule is about this caller and this repository. */
  deciding(caller: Caller, repository: string): { readonly number: number; readonly rule: AccessRule } | undefined {
    const index = this.#rules.findIndex(({ who, repositories }) => {
      return who.some((each) => isAbout(each, caller)) && repositories.some((glob) => glob.fits(repository))
    })
    const rule = this.#rules[index]
    return rule && { number: index + 1, rule }
  }

  /** In their order. */
  get all(): readonly AccessRule[] {
    return this.#rules
  }

  /** Whom the rules name, each once. */
  named(kind: 'user' | 'group' | 'robot'): readonly string[] {
    const all = this.#rules.flatMap(({ who }) => who).flatMap((who) => ('name' in who && who.kind === kind ? [who.name] : []))
    return [...new Set(all)]
  }
}

/** The rules that are about one caller. */
export class CallerRules implements RepositoryRules {
  readonly #rules: readonly Pick<AccessRule, 'repositories' | 'can'>[]

  constructor(rules: readonly Pick<AccessRule, 'repositories' | 'can'>[]) {
    this.#rules = rules
  }

  may(action: Action, repository: string): boolean {
    const first = this.#rules.find(({ repositories }) => repositories.some((glob) => glob.fits(repository)))
    return first?.can.includes(action) ?? false
  }

  mayAnywhere(action: Action): boolean {
    return this.#rules.some(({ can }) => can.includes(action))
  }

  ranges(action: Action): readonly NameRange[] {
    return rangesOf(this.#rules.filter(({ can }) => can.includes(action)).flatMap(({ repositories }) => repositories))
  }

  text(action: Action): string {
    return JSON.stringify(this.#rules.map(({ repositories, can }) => [can.includes(action), ...repositories.map(String)]))
  }
}

/** What both allow. */
export class BothRules implements RepositoryRules {
  readonly #both: readonly [RepositoryRules, RepositoryRules]

  constructor(one: RepositoryRules, other: RepositoryRules) {
    this.#both = [one, other]
  }

  may(action: Action, repository: string): boolean {
    return this.#both.every((rules) => rules.may(action, repository))
  }

  mayAnywhere(action: Action): boolean {
    return this.#both.every((rules) => rules.mayAnywhere(action))
  }

  ranges(action: Action): readonly NameRange[] {
    const [one, other] = this.#both
    return one.ranges(action).flatMap((range) => rangesWithin(other.ranges(action), range))
  }

  text(action: Action): string {
    return this.#both.map((rules) => rules.text(action)).join('\n')
  }
}

export function isAbout(who: Who, caller: Caller): boolean {
  switch (who.kind) {
    case 'anonymous':
      return caller.kind === 'anonymous'
    case 'authenticated':
      return caller.kind !== 'anonymous'
    case 'user':
      return caller.kind === 'user' && caller.name === who.name
    case 'robot':
      return caller.kind === 'robot' && caller.name === who.name
    case 'group':
      return caller.kind === 'user' && caller.groups.includes(who.name)
  }
}
