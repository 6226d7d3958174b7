import { nextLink } from '../answer/links.ts'
import { lastEntry, requestedCount } from '../answer/pagination.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import type { CatalogRoute } from '../routes.ts'
import { shownNames } from '../shown-names.ts'

/** `GET /v2/_catalog`: of registry:2, not of the spec. Always in pages; of what the caller may list. */
export async function listRepositories({ registry, permit, route: { query } }: Call<CatalogRoute>): Promise<PlainResponse> {
  const { catalog, paths, maxCatalogEntries } = registry
  const limit = requestedCount(query, maxCatalogEntries) ?? maxCatalogEntries
  const shown = shownNames(permit)
  const { entries, more } = await catalog.listRepositories({ last: lastEntry(query), limit }, shown)
  const last = entries.at(-1)
  const link = more && last !== undefined ? { Link: nextLink(paths.catalog(), { last, n: limit }) } : {}
  return jsonResponse({ repositories: entries }, link)
}
