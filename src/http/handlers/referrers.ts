import type { Descriptor } from '../../oci/descriptor.ts'
import { OCI_IMAGE_INDEX } from '../../oci/media-types.ts'
import type { Catalog } from '../../registry/catalog.ts'
import { nextLink, type Paths } from '../links.ts'
import { lastEntry } from '../pagination.ts'
import { jsonResponse } from '../responses.ts'
import type { ReferrersRoute } from '../routes.ts'

const MAX_DESCRIPTORS = 1000
/** Clients read an image index of at most 4 MiB. */
const MAX_DESCRIPTOR_BYTES = 3 * 1024 * 1024

/** end-12a, end-12b. Never 404: a client would then keep referrers in tags. */
export async function listReferrers(
  { catalog, paths }: { readonly catalog: Catalog; readonly paths: Paths },
  { repository, subject, query }: ReferrersRoute,
): Promise<Response> {
  const artifactType = query.get('artifactType') || undefined
  const request = { last: lastEntry(query), limit: MAX_DESCRIPTORS }
  const { entries, more } = await catalog.listReferrers(repository, subject, { artifactType }, request)
  const manifests = fitting(entries)
  const last = manifests.at(-1)?.digest
  const isCut = more || manifests.length < entries.length
  const link = isCut && last !== undefined ? { Link: nextLink(paths.referrers(repository, subject), { artifactType, last }) } : {}
  const filtered = artifactType === undefined ? {} : { 'OCI-Filters-Applied': 'artifactType' }
  const imageIndex = { schemaVersion: 2, mediaType: OCI_IMAGE_INDEX, manifests: manifests.map(referrerOf) }
  return jsonResponse(imageIndex, { 'Content-Type': OCI_IMAGE_INDEX, ...link, ...filtered })
}

/** As many as fit into one answer, at least one. */
function fitting(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  let bytes = 0
  const tooMuch = descriptors.findIndex((descriptor, index) => {
    bytes += Buffer.byteLength(JSON.stringify(referrerOf(descriptor)))
    return index > 0 && bytes > MAX_DESCRIPTOR_BYTES
  })
  return tooMuch === -1 ? descriptors : descriptors.slice(0, tooMuch)
}

/** The fields that the spec names, in its order; those that are undefined stay away. */
function referrerOf({ mediaType, size, digest, artifactType, annotations }: Descriptor): Descriptor {
  return { mediaType, size, digest, artifactType, annotations }
}
