import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { parametersIn } from '../parameters.ts'
import { shownQuota } from '../quotas.ts'
import { NO_WORDS } from '../remarks.ts'
import type { WholeStorageRoute } from '../routes.ts'
import { requireSeesAll } from './progress.ts'

const MOST_QUOTAS = 100

/** Tells callers who may see all repositories what these take together, what is free, and the fullest quotas. */
export async function getWholeStorage({ registry, request, route, permit }: Call<WholeStorageRoute>): Promise<PlainResponse> {
  parametersIn(route.query, NO_WORDS)
  requireSeesAll(permit)
  const { complete } = await registry.progress.progress()
  const use = complete ? await registry.shown.uses.ofAll(request.signal) : undefined
  const space = await registry.progress.space()
  const quotas = await registry.progress.quotas()
  return jsonResponse({
    ...{ bytes: use?.bytes ?? null, blobs: use?.blobs ?? null, leaving: use?.leavingBytes ?? null },
    ...{ free: space?.freeBytes ?? null, reserve: space?.reserveBytes ?? null },
    ...{ quotas: quotas.slice(0, MOST_QUOTAS).map(shownQuota), moreQuotas: quotas.length > MOST_QUOTAS },
  })
}
