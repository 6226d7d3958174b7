import { setImmediate } from 'node:timers/promises'
import { OCI_IMAGE_INDEX } from '../../oci/media-types.ts'
import type { Page, Referrer } from '../../registry/content/catalog.ts'
import { nextLink } from '../answer/links.ts'
import { lastEntry } from '../answer/pagination.ts'
import { type HeaderFields, jsonTextResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call, Registry } from '../call.ts'
import type { ReferrersRoute } from '../routes.ts'

const MAX_DESCRIPTORS = 1000
/** Clients read an image index of at most 4 MiB. */
const MAX_DESCRIPTOR_BYTES = 3 * 1024 * 1024
/** Read at once. Annotations are read one by one: those of one manifest may fill the page. */
const STEP = 100

/** end-12a, end-12b. Never 404: a client would then keep referrers in tags. */
export async function listReferrers({ registry, route }: Call<ReferrersRoute>): Promise<PlainResponse> {
  const { catalog, paths } = registry
  const { repository, subject, query } = route
  const artifactType = query.get('artifactType') || undefined
  const list = (last: string | undefined) => catalog.listReferrers(repository, subject, { artifactType }, { last, limit: STEP })
  const { entries, more } = await fittingPage(list, lastEntry(query))
  const last = more ? entries.at(-1)?.row.digest : undefined
  const link = last === undefined ? {} : { Link: nextLink(paths.referrers(repository, subject), { artifactType, last }) }
  const descriptors: string[] = []
  for (const entry of entries) descriptors.push(await descriptorText(catalog, entry))
  return referrersResponse(descriptors, query, link)
}

/** What a repository answers in which nothing refers to anything. */
export function emptyReferrers({ query }: Pick<ReferrersRoute, 'query'>): PlainResponse {
  return referrersResponse([], query)
}

function referrersResponse(manifests: readonly string[], query: URLSearchParams, link: HeaderFields = {}): PlainResponse {
  const filtered = query.get('artifactType') ? { 'OCI-Filters-Applied': 'artifactType' } : {}
  const imageIndex = `{"schemaVersion":2,"mediaType":"${OCI_IMAGE_INDEX}","manifests":[${manifests.join(',')}]}`
  return jsonTextResponse(imageIndex, { 'Content-Type': OCI_IMAGE_INDEX, ...link, ...filtered })
}

interface Entry {
  readonly row: Referrer
  /** The descriptor without its annotations. */
  readonly text: string
}

/** As many descriptors as fit into one answer, at least one if there is any. */
async function fittingPage(
  list: (last: string | undefined) => Promise<Page<Referrer>>,
  after: string | undefined,
): Promise<Page<Entry>> {
  const fitting: Entry[] = []
  let bytes = 0
  for (let last = after; ; last = fitting.at(-1)?.row.digest) {
    const { entries, more } = await list(last)
    for (const row of entries) {
      const text = fieldsText(row)
      bytes += Buffer.byteLength(text) + row.annotationBytes
      if (fitting.length > 0 && bytes > MAX_DESCRIPTOR_BYTES) return { entries: fitting, more: true }
      fitting.push({ row, text })
    }
    if (!more || fitting.length >= MAX_DESCRIPTORS) return { entries: fitting, more }
  }
}

/** The fields that the spec names, in its order; those that are undefined stay away. */
function fieldsText({ mediaType, size, digest, artifactType }: Referrer): string {
  return JSON.stringify({ mediaType, size, digest, artifactType })
}

/** Annotations stay the text that they are. Large ones are each read in a turn of their own. */
async function descriptorText(catalog: Registry['catalog'], { row, text }: Entry): Promise<string> {
  if (row.annotationBytes === 0) return text
  if (row.annotationBytes > LARGE_BYTES) await setImmediate()
  const annotations = await catalog.findAnnotations(row.digest)
  return annotations === undefined ? text : `${text.slice(0, -1)},"annotations":${annotations}}`
}

const LARGE_BYTES = 64 * 1024
