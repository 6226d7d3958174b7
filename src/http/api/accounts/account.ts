import { z } from 'zod'
import { callerName, type Permit } from '../../../access/access.ts'
import { type AskedCaller, formatWho } from '../../../access/administration/permissions.ts'
import { includesRight } from '../../../access/requirement.ts'
import { RegistryError } from '../../../oci/errors.ts'
import { findRepositoryName } from '../../../oci/name.ts'
import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { parametersIn, parsed } from '../parameters.ts'
import { NO_WORDS } from '../remarks.ts'
import { administrationOf } from './accounts.ts'
import type { AccountListRoute } from './routes.ts'

export const PERMISSIONS = z.strictObject({
  who: parsed(findAskedCaller, 'is no caller; write anonymous, user:NAME or robot:NAME')
    .optional()
    .meta({ description: 'anonymous, user:NAME or robot:NAME; the caller when left out.' }),
  repository: parsed(findRepositoryName, 'is no name of a repository'),
})

/** The caller, as the registry knows it. */
export function getAccount({ registry, permit, route }: Call<AccountListRoute>): PlainResponse {
  parametersIn(route.query, NO_WORDS)
  const { caller, accounts = 'none' } = permit
  return jsonResponse({
    ...{ name: callerName(caller) ?? null, kind: caller.kind, groups: caller.kind === 'user' ? caller.groups : [] },
    ...{ admin: accounts === 'all', robots: accounts !== 'none', keepsAccounts: registry.administration !== undefined },
  })
}

export function listRules(call: Call<AccountListRoute>): PlainResponse {
  const { rules, admins } = administrationOf(call)
  parametersIn(call.route.query, NO_WORDS)
  const shown = rules.all.map(({ who, repositories, can }, index) => ({
    ...{ number: index + 1, who: who.map(formatWho), repositories: repositories.map(({ text }) => text), can },
  }))
  return jsonResponse({ rules: shown, admins: admins.map(formatWho) })
}

/** What a caller may do in a repository, and by which rule: of itself, and for admins of any other. */
export async function getPermissions(call: Call<AccountListRoute>): Promise<PlainResponse> {
  const { permissions } = administrationOf(call)
  const { who, repository } = parametersIn(call.route.query, PERMISSIONS)
  const { accounts = 'none' } = call.permit
  const itself = askedCallerOf(call.permit)
  const asked = who ?? itself
  if (!includesRight(accounts, 'all') && formatWho(asked) !== formatWho(itself))
    throw new RegistryError('DENIED', { message: 'Only admins see what others may do; leave who out.' })
  const { isThere, groups, can, rule = null, scope = null, owner = null, because } = await permissions.of(asked, repository)
  return jsonResponse({ who: formatWho(asked), exists: isThere, groups, repository, can, rule, scope, owner, because })
}

/** The caller itself, as rules name it. */
export function askedCallerOf({ caller }: Pick<Permit, 'caller'>): AskedCaller {
  return caller.kind === 'user' || caller.kind === 'robot' ? caller : { kind: 'anonymous' }
}

export function findAskedCaller(text: string): AskedCaller | undefined {
  if (text === 'anonymous') return { kind: text }
  const [, kind, name = ''] = /^(user|robot):(.{1,256})$/.exec(text) ?? []
  return kind === 'user' || kind === 'robot' ? { kind, name } : undefined
}
