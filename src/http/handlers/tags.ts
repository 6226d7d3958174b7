import type { RepositoryName } from '../../oci/name.ts'
import type { Page } from '../../registry/content/catalog.ts'
import type { TagPage } from '../../registry/mirror/mirrored-tags.ts'
import { streamOf } from '../answer/byte-stream.ts'
import { nextLink } from '../answer/links.ts'
import { lastEntry, requestedCount } from '../answer/pagination.ts'
import { type HeaderFields, jsonResponse, type PlainResponse, warningOf } from '../answer/responses.ts'
import type { Call, ListedTags } from '../call.ts'
import type { TagsRoute } from '../routes.ts'

/** A list that is asked for whole is read in steps of this size, so that a long list holds up no other request. */
const STEP = 5000

/** end-8a, end-8b, in the order of bytes. */
export async function listTags({ registry, route }: Call<TagsRoute>): Promise<PlainResponse> {
  const { paths, maxTags } = registry
  const { repository, query } = route
  const tags = registry.mirrors?.of(repository)?.tags ?? registry.catalog
  const limit = requestedCount(query, maxTags)
  const page: TagPage = await tags.listTags(repository, { last: lastEntry(query), limit: limit ?? STEP })
  const last = page.more ? page.entries.at(-1) : undefined
  const warning = warningOf(page.unconfirmedBy && `${page.unconfirmedBy} gave no list of tags`)
  if (last === undefined) return jsonResponse({ name: repository, tags: page.entries }, warning)
  if (limit === undefined) return wholeList(tags, repository, page, warning)
  const Link = nextLink(paths.tags(repository), { last, n: limit })
  return jsonResponse({ name: repository, tags: page.entries }, { ...warning, Link })
}

/** The same body as a stream. A failure on the way cuts the connection, which a client sees. */
function wholeList(
  listed: ListedTags,
  repository: RepositoryName,
  firstPage: Page<string>,
  headers: HeaderFields,
): PlainResponse {
  async function* parts(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(`{"name":${JSON.stringify(repository)},"tags":[${entriesOf(firstPage)}`)
    let page = firstPage
    while (page.more) {
      page = await listed.listTags(repository, { last: page.entries.at(-1), limit: STEP })
      if (page.entries.length > 0) yield Buffer.from(`,${entriesOf(page)}`)
    }
    yield Buffer.from(']}')
  }
  return { status: 200, headers: { ...headers, 'Content-Type': 'application/json' }, body: streamOf(parts()) }
}

function entriesOf({ entries }: Page<string>): string {
  return JSON.stringify(entries).slice(1, -1)
}
