import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import type { AccountsRight, Action } from '../access.ts'
import type { RepositoryRules } from '../access-rules.ts'

/** What a token is good for, in the form that registry:2 knows. */
export interface TokenAccess {
  readonly type: string
  readonly name: string
  readonly actions: readonly string[]
}

/** What a client asks a token for. Everything that is not of this form is left out: it would be granted nothing. */
export type AskedScope =
  | { readonly type: 'repository'; readonly name: RepositoryName; readonly actions: readonly string[] }
  | { readonly type: 'registry'; readonly name: 'catalog' | 'accounts'; readonly actions: readonly string[] }

/** What a pull may mean in place of a repository. */
export type StandInOf = (repository: RepositoryName) => RepositoryName | undefined

const SCOPE = /^(?<type>[a-z0-9]+)(?:\([a-z0-9]+\))?:(?<name>.+):(?<actions>[a-z*,]*)$/

/** Several scopes come as several parameters, or in one with blanks between them. All are read: the caller bounds their length. */
export function parseScopes(parameters: readonly string[]): readonly AskedScope[] {
  const texts = parameters.flatMap((parameter) => parameter.split(' ')).filter((text) => text !== '')
  return texts.flatMap((text) => findAskedScope(text) ?? [])
}

function findAskedScope(text: string): AskedScope | undefined {
  const { type, name = '', actions = '' } = SCOPE.exec(text)?.groups ?? {}
  const asked = actions.split(',').filter((action) => action !== '')
  if (type === 'registry' && (name === 'catalog' || name === 'accounts')) return { type, name, actions: asked }
  const repository = type === 'repository' ? findRepositoryName(name) : undefined
  return repository === undefined ? undefined : { type: 'repository', name: repository, actions: asked }
}

/** The caller whose token it is. */
export interface GrantedCaller {
  readonly rules: RepositoryRules
  readonly accounts: AccountsRight
}

/**
 * The part of what is asked that the rules allow, each repository once. Nothing allowed is no mistake, and nothing in the token: else a
 * client without rights could have large ones made.
 */
export function grant(caller: GrantedCaller, asked: readonly AskedScope[], standInOf?: StandInOf): readonly TokenAccess[] {
  const byName = Map.groupBy(asked, ({ type, name }) => `${type}:${name}`)
  const granted = [...byName.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return []
    const actions = [first, ...others].flatMap((scope) => scope.actions)
    return [{ type: first.type, name: first.name, actions: grantedActions(caller, first, { actions, standInOf }) }]
  })
  return granted.filter(({ actions }) => actions.length > 0)
}

interface AskedActions {
  readonly actions: readonly string[]
  readonly standInOf: StandInOf | undefined
}

/** Clients ask by the name that they use: where it may stand for another one, a pull that is allowed from that is granted. */
function grantedActions(
  { rules, accounts }: GrantedCaller,
  scope: AskedScope,
  { actions: asked, standInOf }: AskedActions,
): readonly string[] {
  if (scope.type === 'registry' && scope.name === 'accounts') return accounts !== 'none' && asked.includes('*') ? ['*'] : []
  if (scope.type === 'registry') return rules.mayAnywhere('list') ? OF_CATALOG.filter((action) => asked.includes(action)) : []
  const standIn = standInOf?.(scope.name)
  const mayThere = (action: Action) => standIn !== undefined && PULLED.includes(action) && rules.may(action, standIn)
  return GRANTED.filter((action) => isAsked(action, asked) && (rules.may(action, scope.name) || mayThere(action)))
}

/** Docker asks for `search` before it searches. Both show the names that the caller may list. */
const OF_CATALOG = ['*', 'search']

const GRANTED: readonly Action[] = ['pull', 'push', 'delete', 'list']
const PULLED: readonly Action[] = ['pull', 'list']

/** Clients know no `list`: they ask to pull before they look at tags. */
function isAsked(action: Action, asked: readonly string[]): boolean {
  return asked.includes(action) || asked.includes('*') || (action === 'list' && asked.includes('pull'))
}

/** Whether a token is good for an action. */
export function covers(access: readonly TokenAccess[], action: Action, repository: RepositoryName): boolean {
  return access.some(({ type, name, actions }) => {
    if (type === 'registry') return action === 'list' && isForCatalog({ name, actions })
    return type === 'repository' && name === repository && actions.includes(action)
  })
}

export function coversCatalog(access: readonly TokenAccess[]): boolean {
  return access.some(({ type, name, actions }) => type === 'registry' && isForCatalog({ name, actions }))
}

/** Whether a token is good for accounts, as far as its caller may do something with them. */
export function coversAccounts(access: readonly TokenAccess[]): boolean {
  return access.some(({ type, name, actions }) => type === 'registry' && name === 'accounts' && actions.includes('*'))
}

function isForCatalog({ name, actions }: Pick<TokenAccess, 'name' | 'actions'>): boolean {
  return name === 'catalog' && OF_CATALOG.some((action) => actions.includes(action))
}

/** What it takes in memory, about, in bytes. */
export function accessSize(access: readonly TokenAccess[]): number {
  return access.reduce((size, { name, actions }) => size + ENTRY_BYTES + name.length + ACTION_BYTES * actions.length, 0)
}

const ENTRY_BYTES = 200
const ACTION_BYTES = 32

/** As the answer to a client names what it got. */
export function formatAccess(access: readonly TokenAccess[]): string {
  return access.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' ')
}
