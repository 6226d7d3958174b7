import { z } from 'zod'
import { isAllowed } from '../../../access/requirement.ts'
import { findRepositoryName } from '../../../oci/name.ts'
import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { atMost, parametersIn, parsed } from '../parameters.ts'
import type { DeploymentsRoute } from '../routes.ts'
import { timeOf } from '../shown.ts'

const MOST_LISTED = 1_000
const USUALLY_LISTED = 100
/** Pages of all that runs that are read for one page of what a caller sees. */
const MOST_READS = 20

const repository = parsed(findRepositoryName, 'is no name of a repository')
const place = parsed(findPlace, 'is no next of an answer')

export const DEPLOYMENTS = z.strictObject({
  n: atMost(MOST_LISTED)
    .optional()
    .meta({ description: `How many; ${USUALLY_LISTED} when left out.` }),
  after: place.optional().meta({ description: 'next of the page before.' }),
  repository: repository.optional().meta({ description: 'Of this repository alone.' }),
})

/** What runs where, of the repositories that the caller may list. */
export async function listApiDeployments({ registry, permit, route }: Call<DeploymentsRoute>): Promise<PlainResponse> {
  const { n: limit = USUALLY_LISTED, after, repository } = parametersIn(route.query, DEPLOYMENTS)
  const shown: Awaited<ReturnType<typeof registry.deployments.list>>[number][] = []
  let last = after ?? { host: '', container: '' }
  let isMore = true
  for (let reads = 0; isMore && shown.length < limit && reads < MOST_READS; reads += 1) {
    const rows = await registry.deployments.list(last, { limit: limit + 1, repository })
    let looked = 0
    // The last one only tells that there is one.
    for (const row of rows.slice(0, limit)) {
      if (shown.length === limit) break
      looked += 1
      last = row
      if (isAllowed(permit, 'list', row.repository)) shown.push(row)
    }
    isMore = rows.length > looked
  }
  const seen = new Map<string, string | null>()
  for (const { host } of shown) seen.set(host, timeOf((await registry.deployments.host(host))?.seenMs ?? 0))
  const deployments = shown.map(({ sinceMs, ...row }) => ({
    ...{ ...row, since: sinceMs === null ? null : timeOf(sinceMs), seen: seen.get(row.host) ?? null },
  }))
  return jsonResponse({ deployments, next: isMore ? `${last.host}/${last.container}` : null })
}

function findPlace(text: string) {
  const [, host, container] = /^([A-Za-z0-9._-]{1,128})\/(.{1,255})$/.exec(text) ?? []
  return host === undefined || container === undefined ? undefined : { host, container }
}
