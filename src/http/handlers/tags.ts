import type { RepositoryName } from '../../oci/name.ts'
import type { Page } from '../../registry/content/catalog.ts'
import { streamOf } from '../answer/byte-stream.ts'
import { nextLink } from '../answer/links.ts'
import { lastEntry, requestedCount } from '../answer/pagination.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call, ServedRegistry } from '../call.ts'
import type { TagsRoute } from '../routes.ts'

/** A list that is asked for whole is read in steps of this size, so that a long list holds up no other request. */
const STEP = 5000

/** end-8a, end-8b, in the order of bytes. */
export async function listTags({ registry, route }: Call<TagsRoute>): Promise<PlainResponse> {
  const { catalog, paths, maxTags } = registry
  const { repository, query } = route
  const limit = requestedCount(query, maxTags)
  const page = await catalog.listTags(repository, { last: lastEntry(query), limit: limit ?? STEP })
  const last = page.more ? page.entries.at(-1) : undefined
  if (last === undefined) return jsonResponse({ name: repository, tags: page.entries })
  if (limit === undefined) return wholeList(catalog, repository, page)
  return jsonResponse({ name: repository, tags: page.entries }, { Link: nextLink(paths.tags(repository), { last, n: limit }) })
}

/** The same body as a stream. A failure on the way cuts the connection, which a client sees. */
function wholeList(catalog: ServedRegistry['catalog'], repository: RepositoryName, firstPage: Page<string>): PlainResponse {
  async function* parts(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(`{"name":${JSON.stringify(repository)},"tags":[${listed(firstPage)}`)
    let page = firstPage
    while (page.more) {
      page = await catalog.listTags(repository, { last: page.entries.at(-1), limit: STEP })
      if (page.entries.length > 0) yield Buffer.from(`,${listed(page)}`)
    }
    yield Buffer.from(']}')
  }
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body: streamOf(parts()) }
}

function listed({ entries }: Page<string>): string {
  return JSON.stringify(entries).slice(1, -1)
}
