import { z } from 'zod'
import { isAbout } from '../../../access/access-rules.ts'
import type { AccountName } from '../../../access/accounts/account-name.ts'
import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import type { Route } from '../../routes.ts'
import { parametersIn } from '../parameters.ts'
import { NO_WORDS } from '../remarks.ts'
import { accountName, administrationOf, bodyOf, changed, LIST_OF_ACCOUNTS, password, USUALLY_LISTED } from './accounts.ts'
import type { AccountListRoute, UserRoute } from './routes.ts'

export const NEW_USER = z.strictObject({ name: accountName.meta({ description: 'Its name.' }), password })
export const NEW_PASSWORD = z.strictObject({ password })

export async function listUsers(call: Call<AccountListRoute>): Promise<PlainResponse> {
  const { users, admins } = administrationOf(call)
  const { n: limit = USUALLY_LISTED, after = '' } = parametersIn(call.route.query, LIST_OF_ACCOUNTS)
  const { entries, next = null } = await users.page({ after, limit })
  const shown = entries.map(({ name, createdAt, passwordSetAt, groups }) => ({
    ...{ name, created: createdAt.toISOString(), passwordSet: passwordSetAt.toISOString(), groups },
    admin: admins.some((who) => isAbout(who, { kind: 'user', name, groups })),
  }))
  return jsonResponse({ users: shown, next })
}

export async function addUser(call: Call<AccountListRoute>): Promise<PlainResponse> {
  const { users } = administrationOf(call)
  parametersIn(call.route.query, NO_WORDS)
  const { name, password: secret } = await bodyOf(call.request, NEW_USER)
  await changed(call, [{ kind: 'user', name }], () => users.add(name, secret))
  return jsonResponse({ name }, {}, 201)
}

/** The old password is void, and so is every token and session that it brought. */
export async function setPassword(call: Call<UserRoute>): Promise<PlainResponse> {
  const { users } = administrationOf(call)
  const { user: name, query } = call.route
  parametersIn(query, NO_WORDS)
  const { password: secret } = await bodyOf(call.request, NEW_PASSWORD)
  await changed(call, [{ kind: 'user', name }], () => users.setPassword(name, secret))
  return jsonResponse({ name })
}

/** Also from groups, and with the robots of that user. */
export async function removeUser(call: Call<UserRoute>): Promise<PlainResponse> {
  administrationOf(call)
  const { user: name, query } = call.route
  parametersIn(query, NO_WORDS)
  await removeAccount(call, name)
  return jsonResponse({ name })
}

/** Throws what is to be answered. */
export async function removeAccount(call: Call<Route>, name: AccountName): Promise<void> {
  const { users } = administrationOf(call)
  const groups = (await users.groupsOf(name)).map((group) => ({ kind: 'group', name: group }) as const)
  await changed(call, [{ kind: 'user', name }, ...groups], () => users.remove(name))
}
