import { z } from 'zod'
import type { RepositoryName } from '../../../oci/name.ts'
import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { atMost, parametersIn } from '../parameters.ts'
import type { ActivityRoute } from '../routes.ts'
import { timeOf } from '../shown.ts'

const MOST_LISTED = 1_000
const USUALLY_LISTED = 100

export const ACTIVITY = z.strictObject({
  n: atMost(MOST_LISTED)
    .optional()
    .meta({ description: `How many; ${USUALLY_LISTED} when left out.` }),
  before: z
    .string()
    .regex(/^[1-9]\d{0,15}$/, 'is no next of an answer')
    .transform(Number)
    .optional()
    .meta({ description: 'Only older ones: next of the page before.' }),
})

/** The newest moves and deletions of tags, of the repositories that the caller may list. */
export async function listActivity({ registry, permit, route }: Call<ActivityRoute>): Promise<PlainResponse> {
  const { n: limit = USUALLY_LISTED, before } = parametersIn(route.query, ACTIVITY)
  const isShown = permit.catalog === 'everything' ? undefined : (name: RepositoryName) => permit.may('list', name)
  const { entries, next } = await registry.shown.activities.page({ before, limit, isShown })
  return jsonResponse({
    activity: entries.map(({ id: _, atMs, ...move }) => ({ ...move, at: timeOf(atMs) })),
    next: next ?? null,
  })
}
