import type { Permit } from '../../../access/access.ts'
import { includesRight } from '../../../access/requirement.ts'
import { RegistryError } from '../../../oci/errors.ts'
import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { parametersIn } from '../parameters.ts'
import { NO_WORDS } from '../remarks.ts'
import type { ProgressRoute } from '../routes.ts'

/** How far a takeover is. Only callers who may see everything are told how much is left. */
export async function getProgress({ registry, route, permit }: Call<ProgressRoute>): Promise<PlainResponse> {
  parametersIn(route.query, NO_WORDS)
  const { names, scanned, complete, unreadFacts } = await registry.progress.progress()
  const facts = complete && unreadFacts === 0
  return jsonResponse({ names, scanned, complete, facts, ...(seesAll(permit) ? { unreadFacts } : {}) })
}

/** Whether a caller may be told how much there is in all repositories together. */
export function seesAll({ catalog, accounts = 'none' }: Permit): boolean {
  return catalog === 'everything' || includesRight(accounts, 'all')
}

/** Throws DENIED for a caller who may not. */
export function requireSeesAll(permit: Permit): void {
  if (seesAll(permit)) return
  throw new RegistryError('DENIED', {
    message: 'Only callers who may see all repositories are told what all of them hold; ask the operator of the registry.',
  })
}
