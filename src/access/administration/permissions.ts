import { type Action, ANONYMOUS, type Caller } from '../access.ts'
import type { AccessRules, Who } from '../access-rules.ts'
import type { Robot } from '../accounts/account.ts'
import { findAccountName } from '../accounts/account-name.ts'
import type { CurrentAccounts } from '../accounts/current-accounts.ts'
import { formatScope } from '../accounts/robot-scope.ts'
import type { Identities } from '../identities.ts'

/** What a caller may do in a repository, and why. */
export interface ShownPermission {
  /** There is such a user or robot. */
  readonly isThere: boolean
  readonly groups: readonly string[]
  readonly can: readonly Action[]
  /** The rule that decides, counted from 1. Undefined when no rule is about this caller and this repository, or the robot's scopes decide alone. */
  readonly rule: number | undefined
  /** Of a robot: the first scope of its token that fits the repository. */
  readonly scope: string | undefined
  /** Of a robot that a user owns: the user. The rule decides about the user. */
  readonly owner: string | undefined
  readonly because: string
}

/** A caller as rules name one. */
export type AskedCaller = { readonly kind: 'anonymous' } | { readonly kind: 'user' | 'robot'; readonly name: string }

const ACTIONS: readonly Action[] = ['pull', 'push', 'delete', 'list']
const NO_RULE = 'No rule is about this caller and this repository, so nothing is allowed.'

export interface PermissionsOptions {
  readonly rules: AccessRules
  readonly identities: Identities
  readonly current: CurrentAccounts
}

/** Says what a caller may do in a repository, and by which rule. The same code answers that decides about requests. */
export class Permissions {
  readonly #options: PermissionsOptions

  constructor(options: PermissionsOptions) {
    this.#options = options
  }

  /** Throws UNAVAILABLE. */
  async of(asked: AskedCaller, repository: string): Promise<ShownPermission> {
    const { identities } = this.#options
    const identity = await identities.called(asked.kind === 'anonymous' ? '' : `${asked.kind}:${asked.name}`)
    if (identity === undefined) return nobody(asked)
    const { caller, rules } = identity
    const can = ACTIONS.filter((action) => rules.may(action, repository))
    const groups = caller.kind === 'user' ? caller.groups : []
    return { isThere: true, groups, can, ...(await this.#reason(asked, repository)) }
  }

  async #reason(asked: AskedCaller, repository: string): Promise<Pick<ShownPermission, 'rule' | 'scope' | 'owner' | 'because'>> {
    const robot = asked.kind === 'robot' ? await this.#robot(asked.name) : undefined
    const { owner } = robot ?? {}
    const scope = robot?.scopes?.find(({ repositories }) => repositories.fits(repository))
    const shownScope = scope && formatScope(scope)
    const ofScope = robot?.scopes === undefined ? undefined : scopeSentence(shownScope)
    if (ofScope !== undefined && owner === undefined) return { rule: undefined, scope: shownScope, owner, because: ofScope }
    const decided = owner === undefined ? asked : ({ kind: 'user', name: owner } as const)
    const rule = await this.#rule(decided, repository)
    const ofRule = rule === undefined ? NO_RULE : `Rule ${rule} decides: it is the first about this caller and this repository.`
    const ofOwner = owner === undefined ? ofRule : `It may do no more than its owner ${owner} may. ${ofRule}`
    return { rule, scope: shownScope, owner, because: ofScope === undefined ? ofOwner : `${ofScope} ${ofOwner}` }
  }

  async #rule(asked: AskedCaller, repository: string): Promise<number | undefined> {
    return this.#options.rules.deciding(await this.#caller(asked), repository)?.number
  }

  async #caller(asked: AskedCaller): Promise<Caller> {
    if (asked.kind === 'anonymous') return ANONYMOUS
    const { kind, name } = asked
    return kind === 'robot' ? { kind, name } : { kind, name, groups: await (await this.#options.current.now()).groupsOf(name) }
  }

  async #robot(text: string): Promise<Robot | undefined> {
    const name = findAccountName(text)
    return name === undefined ? undefined : await (await this.#options.current.now()).findRobot(name)
  }
}

function scopeSentence(scope: string | undefined): string {
  return scope === undefined
    ? 'No scope of its token fits the repository.'
    : `${scope} is the first scope of its token that fits the repository.`
}

function nobody({ kind }: AskedCaller): ShownPermission {
  const because = `There is no such ${kind}.`
  return { isThere: false, groups: [], can: [], rule: undefined, scope: undefined, owner: undefined, because }
}

/** As the configuration writes it. */
export function formatWho(who: Who | AskedCaller): string {
  return 'name' in who ? `${who.kind}:${who.name}` : who.kind
}
