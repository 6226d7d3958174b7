import { RegistryError } from '../../oci/errors.ts'
import { requestedCount } from '../answer/pagination.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import type { SearchRoute } from '../routes.ts'
import { shownNames } from '../shown-names.ts'

/** Docker asks for 1 to 100, and for 25 where its user does not say. */
const MOST_RESULTS = 100
const USUAL_RESULTS = 25

/** `GET /v1/_ping`. Standalone: the client logs in here, and not at an index elsewhere. */
export function pingSearch(): PlainResponse {
  return jsonResponse({ standalone: true }, { 'X-Docker-Registry-Standalone': 'true' })
}

/** `GET /v1/search`, in the form of Docker's first registry API: of what the caller may list. */
export async function search({ registry, permit, route: { query } }: Call<SearchRoute>): Promise<PlainResponse> {
  const size = Math.max(1, requestedCount(query, MOST_RESULTS) ?? USUAL_RESULTS)
  const page = requestedPage(query)
  const shown = shownNames(permit)
  const q = query.get('q') ?? ''
  const { total, found } = await registry.search.find(q, { first: (page - 1) * size, count: size }, shown)
  return jsonResponse({
    ...{ query: q, num_results: total, num_pages: Math.ceil(total / size), page, page_size: size },
    results: found.map(({ name, description, stars, isAutomated }) => ({
      ...{ name, description, star_count: stars, is_automated: isAutomated, is_trusted: isAutomated },
      is_official: registry.official.some((pattern) => pattern.fits(name)),
    })),
  })
}

/** From 1. Throws PAGINATION_NUMBER_INVALID. */
function requestedPage(query: URLSearchParams): number {
  const text = query.get('page') || '1'
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new RegistryError('PAGINATION_NUMBER_INVALID', { detail: { page: text.slice(0, 100) } })
}
