import { z } from 'zod'
import type { QuotaState } from '../../registry/quotas/quotas.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import { parametersIn } from './parameters.ts'
import type { ContentRoute } from './routes.ts'

export const QUOTAS = z.strictObject({})

/** What a push to the repository may still bring: each quota that holds for it, with its use. */
export async function listQuotas({ registry, route }: Call<ContentRoute>): Promise<PlainResponse> {
  parametersIn(route.query, QUOTAS)
  const { quotas, areCounted } = await registry.quotas.of(route.repository)
  return jsonResponse({ quotas: quotas.map(shownQuota), counted: areCounted })
}

export function shownQuota({ name, usedBytes, limitBytes, warnBytes }: QuotaState) {
  return { name, used: usedBytes, limit: limitBytes ?? null, warn: warnBytes ?? null }
}
