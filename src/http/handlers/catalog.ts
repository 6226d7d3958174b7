import type { RepositoryName } from '../../oci/name.ts'
import { nextLink } from '../answer/links.ts'
import { lastEntry, requestedCount } from '../answer/pagination.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import type { CatalogRoute } from '../routes.ts'

/** `GET /v2/_catalog`: of registry:2, not of the spec. Always in pages; of what the caller may list. */
export async function listRepositories({ registry, permit, route: { query } }: Call<CatalogRoute>): Promise<PlainResponse> {
  const { catalog, paths, maxCatalogEntries } = registry
  const limit = requestedCount(query, maxCatalogEntries) ?? maxCatalogEntries
  const isShown = permit.catalog === 'everything' ? undefined : (repository: RepositoryName) => permit.may('list', repository)
  const { entries, more } = await catalog.listRepositories({ last: lastEntry(query), limit }, isShown)
  const last = entries.at(-1)
  const link = more && last !== undefined ? { Link: nextLink(paths.catalog(), { last, n: limit }) } : {}
  return jsonResponse({ repositories: entries }, link)
}
