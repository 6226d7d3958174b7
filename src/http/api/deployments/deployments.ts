import { z } from 'zod'
import { isAllowed } from '../../../access/requirement.ts'
import { findRepositoryName, type RepositoryName } from '../../../oci/name.ts'
import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import type { Route } from '../../routes.ts'
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
export async function listApiDeployments(call: Call<DeploymentsRoute>): Promise<PlainResponse> {
  const { n: limit = USUALLY_LISTED, after, repository } = parametersIn(call.route.query, DEPLOYMENTS)
  const { entries, next } = await deploymentsFor(call, { limit, after, repository })
  const deployments = entries.map(({ sinceMs, seenMs, ...row }) => ({ ...row, since: timeOf(sinceMs), seen: timeOf(seenMs) }))
  return jsonResponse({ deployments, next })
}

export interface DeploymentsAsked {
  readonly limit: number
  readonly after: { readonly host: string; readonly container: string } | undefined
  /** Undefined: of all. */
  readonly repository: RepositoryName | undefined
}

/** A page of what the caller may see; `next` is sent as `after`. It may be short where nearly all is hidden. */
export async function deploymentsFor(
  { registry, permit }: Pick<Call<Route>, 'registry' | 'permit'>,
  { limit, after, repository }: DeploymentsAsked,
) {
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
  const seen = new Map<string, number | undefined>()
  for (const { host } of shown) {
    // 0: its record cannot be read.
    if (!seen.has(host)) seen.set(host, (await registry.deployments.host(host))?.seenMs || undefined)
  }
  const entries = shown.map((row) => ({ ...row, seenMs: seen.get(row.host) }))
  return { entries, next: isMore ? `${last.host}/${last.container}` : null }
}

export function findPlace(text: string) {
  const [, host, container] = /^([A-Za-z0-9._-]{1,128})\/(.{1,255})$/.exec(text) ?? []
  return host === undefined || container === undefined ? undefined : { host, container }
}
