import type { Descriptor } from '../../oci/descriptor.ts'
import { OCI_IMAGE_INDEX } from '../../oci/media-types.ts'
import type { Catalog, Page } from '../../registry/catalog.ts'
import { nextLink, type Paths } from '../links.ts'
import { lastEntry } from '../pagination.ts'
import { type HeaderFields, jsonResponse, type PlainResponse } from '../responses.ts'
import type { ReferrersRoute } from '../routes.ts'

const MAX_DESCRIPTORS = 1000
/** Clients read an image index of at most 4 MiB. */
const MAX_DESCRIPTOR_BYTES = 3 * 1024 * 1024
/** Read at once: annotations may fill a whole manifest, and what does not fit is read in vain. */
const STEP = 10

/** end-12a, end-12b. Never 404: a client would then keep referrers in tags. */
export async function listReferrers(
  { catalog, paths }: { readonly catalog: Catalog; readonly paths: Paths },
  { repository, subject, query }: ReferrersRoute,
): Promise<PlainResponse> {
  const artifactType = query.get('artifactType') || undefined
  const list = (last: string | undefined) => catalog.listReferrers(repository, subject, { artifactType }, { last, limit: STEP })
  const { entries, more } = await fittingPage(list, lastEntry(query))
  const last = more ? entries.at(-1)?.digest : undefined
  const link = last === undefined ? {} : { Link: nextLink(paths.referrers(repository, subject), { artifactType, last }) }
  return referrersResponse(entries, query, link)
}

/** What a repository answers in which nothing refers to anything. */
export function emptyReferrers({ query }: Pick<ReferrersRoute, 'query'>): PlainResponse {
  return referrersResponse([], query)
}

function referrersResponse(manifests: readonly Descriptor[], query: URLSearchParams, link: HeaderFields = {}): PlainResponse {
  const filtered = query.get('artifactType') ? { 'OCI-Filters-Applied': 'artifactType' } : {}
  const imageIndex = { schemaVersion: 2, mediaType: OCI_IMAGE_INDEX, manifests }
  return jsonResponse(imageIndex, { 'Content-Type': OCI_IMAGE_INDEX, ...link, ...filtered })
}

/** As many descriptors as fit into one answer, at least one if there is any. */
async function fittingPage(
  list: (last: string | undefined) => Promise<Page<Descriptor>>,
  after: string | undefined,
): Promise<Page<Descriptor>> {
  const fitting: Descriptor[] = []
  let bytes = 0
  for (let last = after; ; last = fitting.at(-1)?.digest) {
    const { entries, more } = await list(last)
    for (const descriptor of entries.map(referrerOf)) {
      bytes += Buffer.byteLength(JSON.stringify(descriptor))
      if (fitting.length > 0 && bytes > MAX_DESCRIPTOR_BYTES) return { entries: fitting, more: true }
      fitting.push(descriptor)
    }
    if (!more || fitting.length >= MAX_DESCRIPTORS) return { entries: fitting, more }
  }
}

/** The fields that the spec names, in its order; those that are undefined stay away. */
function referrerOf({ mediaType, size, digest, artifactType, annotations }: Descriptor): Descriptor {
  return { mediaType, size, digest, artifactType, annotations }
}
