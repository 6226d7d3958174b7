import type { AccessRules, Who } from '../access-rules.ts'
import type { Group } from '../accounts/account.ts'
import type { AccountName } from '../accounts/account-name.ts'
import type { AccountPage, AccountsAsked, AllRecords } from '../accounts/account-records.ts'
import type { Accounts } from '../accounts/accounts.ts'
import type { CurrentAccounts } from '../accounts/current-accounts.ts'
import type { Identities } from '../identities.ts'
import { hashPassword } from '../passwords/new-password.ts'
import { Permissions } from './permissions.ts'
import { Robots } from './robots.ts'
import { Users } from './users.ts'

/** Accounts and rules, as the API and the page show and change them. Section `access` alone has them. */
export interface Administration {
  readonly users: Pick<Users, 'page' | 'groupsOf' | 'add' | 'setPassword' | 'remove'>
  readonly groups: Groups
  readonly robots: Pick<Robots, 'page' | 'create' | 'revoke'>
  readonly permissions: Pick<Permissions, 'of'>
  readonly rules: Pick<AccessRules, 'all'>
  readonly admins: readonly Who[]
}

/** Each change throws AccountError for what is not there. */
export interface Groups {
  page(asked: AccountsAsked): Promise<AccountPage<Group>>
  /** Makes the group if there is none. False: the storage has no user of that name; an htpasswd file may have one. */
  add(group: AccountName, member: AccountName): Promise<boolean>
  removeMember(group: AccountName, member: AccountName): Promise<void>
  remove(group: AccountName): Promise<void>
}

export interface AdministrationParts {
  readonly accounts: Accounts
  readonly records: AllRecords
  readonly current: CurrentAccounts
  readonly identities: Identities
  readonly rules: AccessRules
  readonly admins: readonly Who[]
}

export function createAdministration({ accounts, records, ...parts }: AdministrationParts): Administration {
  const { current, identities, rules, admins } = parts
  return {
    users: new Users({ accounts, records: records.users, current, hash: hashPassword }),
    groups: {
      page: async (asked) => await records.groups.page(asked),
      add: async (group, member) => (await accounts.addToGroup(group, [member])).length === 0,
      removeMember: async (group, member) => await accounts.removeFromGroup(group, [member]),
      remove: async (group) => await accounts.removeGroup(group),
    },
    robots: new Robots({ accounts, records: records.robots }),
    permissions: new Permissions({ rules, identities, current }),
    rules,
    admins,
  }
}
