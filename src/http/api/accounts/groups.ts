import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { parametersIn } from '../parameters.ts'
import { NO_WORDS } from '../remarks.ts'
import { administrationOf, changed, LIST_OF_ACCOUNTS, USUALLY_LISTED } from './accounts.ts'
import type { AccountListRoute, GroupRoute, MemberRoute } from './routes.ts'

/** Of the members of one group, those that are named. */
const MOST_MEMBERS = 1_000

export async function listGroups(call: Call<AccountListRoute>): Promise<PlainResponse> {
  const { groups } = administrationOf(call)
  const { n: limit = USUALLY_LISTED, after = '' } = parametersIn(call.route.query, LIST_OF_ACCOUNTS)
  const { entries, next = null } = await groups.page({ after, limit })
  const shown = entries.map(({ name, members }) => ({
    ...{ name, members: members.slice(0, MOST_MEMBERS), memberCount: members.length },
  }))
  return jsonResponse({ groups: shown, next })
}

/** Makes the group, where there is none. */
export async function addMember(call: Call<MemberRoute>): Promise<PlainResponse> {
  const { groups } = administrationOf(call)
  const { group: name, user, query } = call.route
  parametersIn(query, NO_WORDS)
  const known = await changed(call, [{ kind: 'group', name }], () => groups.add(name, user))
  return jsonResponse({ name, member: user, known })
}

export async function removeMember(call: Call<MemberRoute>): Promise<PlainResponse> {
  const { groups } = administrationOf(call)
  const { group: name, user, query } = call.route
  parametersIn(query, NO_WORDS)
  await changed(call, [{ kind: 'group', name }], () => groups.removeMember(name, user))
  return jsonResponse({ name, member: user })
}

export async function removeGroup(call: Call<GroupRoute>): Promise<PlainResponse> {
  const { groups } = administrationOf(call)
  const { group: name, query } = call.route
  parametersIn(query, NO_WORDS)
  await changed(call, [{ kind: 'group', name }], () => groups.remove(name))
  return jsonResponse({ name })
}
