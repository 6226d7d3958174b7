import type { Permit } from '../../access/access.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Catalog } from '../../registry/content/catalog.ts'
import { nextLink, type Paths } from '../answer/links.ts'
import { lastEntry, requestedCount } from '../answer/pagination.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { CatalogRoute } from '../routes.ts'

interface CatalogListing {
  readonly catalog: Catalog
  readonly paths: Paths
  /** The most repositories in one page, and how many there are in it when the client does not say. */
  readonly maxCatalogEntries: number
}

/** `GET /v2/_catalog`: of registry:2, not of the spec. Always in pages; of what the caller may list. */
export async function listRepositories(
  { catalog, paths, maxCatalogEntries }: CatalogListing,
  permit: Permit,
  { query }: CatalogRoute,
): Promise<PlainResponse> {
  const limit = requestedCount(query, maxCatalogEntries) ?? maxCatalogEntries
  const isShown = permit.catalog === 'everything' ? undefined : (repository: RepositoryName) => permit.may('list', repository)
  const { entries, more } = await catalog.listRepositories({ last: lastEntry(query), limit }, isShown)
  const last = entries.at(-1)
  const link = more && last !== undefined ? { Link: nextLink(paths.catalog(), { last, n: limit }) } : {}
  return jsonResponse({ repositories: entries }, link)
}
