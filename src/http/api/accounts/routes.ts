import { ACCOUNT_NAME_RULE, type AccountName, findAccountName } from '../../../access/accounts/account-name.ts'
import { invalid } from '../parameters.ts'

export type AccountsRoute = AccountListRoute | UserRoute | GroupRoute | MemberRoute | RobotRoute

/** `/api/v1/account`, `/permissions`, `/rules`, `/users`, `/groups` and `/robots` */
export interface AccountListRoute {
  readonly resource: 'api-account' | 'api-permissions' | 'api-rules' | 'api-users' | 'api-groups' | 'api-robots'
  readonly query: URLSearchParams
}

/** `/api/v1/users/<name>` and `/api/v1/users/<name>/password` */
export interface UserRoute {
  readonly resource: 'api-user' | 'api-password'
  readonly user: AccountName
  readonly query: URLSearchParams
}

/** `/api/v1/groups/<name>` */
export interface GroupRoute {
  readonly resource: 'api-group'
  readonly group: AccountName
  readonly query: URLSearchParams
}

/** `/api/v1/groups/<name>/members/<name>` */
export interface MemberRoute {
  readonly resource: 'api-member'
  readonly group: AccountName
  readonly user: AccountName
  readonly query: URLSearchParams
}

/** `/api/v1/robots/<name>` */
export interface RobotRoute {
  readonly resource: 'api-robot'
  readonly robot: AccountName
  readonly query: URLSearchParams
}

const LISTS: Readonly<Record<string, AccountListRoute['resource']>> = {
  account: 'api-account',
  permissions: 'api-permissions',
  rules: 'api-rules',
  users: 'api-users',
  groups: 'api-groups',
  robots: 'api-robots',
}

/** `segments`: what follows `/api/v1`. Throws PARAMETER_INVALID for a name that no account can have. */
export function findAccountsRoute(segments: readonly string[], query: URLSearchParams): AccountsRoute | undefined {
  const [kind = '', name, part, member] = segments
  if (name === undefined) {
    const list = Object.hasOwn(LISTS, kind) ? LISTS[kind] : undefined
    return list && { resource: list, query }
  }
  switch (`${kind} ${part ?? ''} ${segments.length}`) {
    case 'users  2':
      return { resource: 'api-user', user: parseAccountName(name), query }
    case 'users password 3':
      return { resource: 'api-password', user: parseAccountName(name), query }
    case 'groups  2':
      return { resource: 'api-group', group: parseAccountName(name), query }
    case 'groups members 4':
      return { resource: 'api-member', group: parseAccountName(name), user: parseAccountName(member ?? ''), query }
    case 'robots  2':
      return { resource: 'api-robot', robot: parseAccountName(name), query }
    default:
      return undefined
  }
}

function parseAccountName(text: string): AccountName {
  const name = findAccountName(text)
  if (name === undefined) throw invalid(`${JSON.stringify(text.slice(0, 100))} is no name; a name ${ACCOUNT_NAME_RULE}`)
  return name
}
