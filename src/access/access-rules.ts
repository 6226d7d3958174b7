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

  /** Whom the rules name, each once. */
  named(kind: 'user' | 'group' | 'robot'): readonly string[] {
    const all = this.#rules.flatMap(({ who }) => who).flatMap((who) => ('name' in who && who.kind === kind ? [who.name] : []))
    return [...new Set(all)]
  }
}

/** The rules that are about one caller. */
export class CallerRules {
  readonly #rules: readonly Pick<AccessRule, 'repositories' | 'can'>[]

  constructor(rules: readonly Pick<AccessRule, 'repositories' | 'can'>[]) {
    this.#rules = rules
  }

  may(action: Action, repository: string): boolean {
    const first = this.#rules.find(({ repositories }) => repositories.some((glob) => glob.fits(repository)))
    return first?.can.includes(action) ?? false
  }

  /** Whether there can be a repository with which the caller may do this. */
  mayAnywhere(action: Action): boolean {
    return this.#rules.some(({ can }) => can.includes(action))
  }
}

function isAbout(who: Who, caller: Caller): boolean {
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
