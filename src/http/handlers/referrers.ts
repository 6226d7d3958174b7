import type { Digest } from '../../oci/digest.ts'
import { OCI_IMAGE_INDEX } from '../../oci/media-types.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Page, PageRequest, Referrer } from '../../registry/content/catalog.ts'
import { gathered, streamOf } from '../answer/byte-stream.ts'
import { nextLink } from '../answer/links.ts'
import { lastEntry } from '../answer/pagination.ts'
import { type HeaderFields, jsonTextResponse, type PlainResponse, warningOf } from '../answer/responses.ts'
import type { Call, ServedRegistry } from '../call.ts'
import type { ReferrersRoute } from '../routes.ts'

const MAX_DESCRIPTORS = 1000
/** Clients read an image index of at most 4 MiB. */
const MAX_DESCRIPTOR_BYTES = 3 * 1024 * 1024
/** Read at once. Annotations are read one by one: those of one manifest may fill the page. */
const STEP = 100
/** A longer list is sent as it is read, a piece in a turn of the event loop; a client that reads slowly has no more than that in memory. */
const MAX_BYTES_AT_ONCE = 256 * 1024
const PIECE_BYTES = 64 * 1024

/** end-12a, end-12b. Never 404: a client would then keep referrers in tags. */
export async function listReferrers({ registry, route }: Call<ReferrersRoute>): Promise<PlainResponse> {
  const { repository, subject, query } = route
  const artifactType = query.get('artifactType') || undefined
  const { list, annotationsOf, unconfirmedBy } = await referrersOf(registry, repository, subject)
  const page = async (last: string | undefined) => await list({ artifactType }, { last, limit: STEP })
  const { entries, more, bytes } = await fittingPage(page, lastEntry(query))
  const last = more ? entries.at(-1)?.row.digest : undefined
  const path = registry.paths.referrers(repository, subject)
  const link = last === undefined ? {} : { Link: nextLink(path, { artifactType, last }) }
  const text = gathered(indexText(annotationsOf, entries), PIECE_BYTES)
  const warning = warningOf(unconfirmedBy && `${unconfirmedBy} gave no list of referrers`)
  const headers = { ...headersFor(query), ...link, ...warning }
  return bytes > MAX_BYTES_AT_ONCE ? { status: 200, headers, body: streamOf(text) } : await wholeResponse(text, headers)
}

/** What has the referrers of a subject. */
interface Listed {
  readonly list: (
    filter: { readonly artifactType: string | undefined },
    page: PageRequest,
  ) => Page<Referrer> | Promise<Page<Referrer>>
  readonly annotationsOf: AnnotationsOf
  /** The upstream where it gave no list, and what is here is listed. */
  readonly unconfirmedBy?: string
}

type AnnotationsOf = (referrer: Referrer) => AsyncIterable<Uint8Array | string>

/** Of a repository that is mirrored, the upstream has them. */
async function referrersOf(
  { catalog, mirrors }: Pick<ServedRegistry, 'catalog' | 'mirrors'>,
  repository: RepositoryName,
  subject: Digest,
): Promise<Listed> {
  const found = await mirrors?.of(repository)?.referrers.of(repository, subject)
  if (found !== undefined && 'list' in found)
    return { list: (filter, page) => found.list(filter, page), annotationsOf: (referrer) => found.annotationsOf(referrer) }
  return {
    list: (filter, page) => catalog.listReferrers(repository, subject, filter, page),
    annotationsOf: (referrer) => catalog.annotationsOf(referrer),
    ...found,
  }
}

/** What a repository answers in which nothing refers to anything. */
export function emptyReferrers({ query }: Pick<ReferrersRoute, 'query'>): PlainResponse {
  return jsonTextResponse(BEGINNING + END, headersFor(query))
}

const BEGINNING = `{"schemaVersion":2,"mediaType":"${OCI_IMAGE_INDEX}","manifests":[`
const END = ']}'

function headersFor(query: URLSearchParams): HeaderFields {
  return {
    'Content-Type': OCI_IMAGE_INDEX,
    ...(query.get('artifactType') ? { 'OCI-Filters-Applied': 'artifactType' } : {}),
  }
}

async function wholeResponse(text: AsyncIterable<Uint8Array>, headers: HeaderFields): Promise<PlainResponse> {
  const pieces: Uint8Array[] = []
  for await (const piece of text) pieces.push(piece)
  const body = Buffer.concat(pieces)
  return { status: 200, headers: { 'Content-Length': String(body.length), ...headers }, body }
}

interface Entry {
  readonly row: Referrer
  /** The descriptor without its annotations. */
  readonly text: string
}

interface FittingPage extends Page<Entry> {
  readonly bytes: number
}

/** As many descriptors as fit into one answer, at least one if there is any. */
async function fittingPage(
  list: (last: string | undefined) => Promise<Page<Referrer>>,
  after: string | undefined,
): Promise<FittingPage> {
  const fitting: Entry[] = []
  let bytes = 0
  for (let last = after; ; last = fitting.at(-1)?.row.digest) {
    const { entries, more } = await list(last)
    for (const row of entries) {
      const text = fieldsText(row)
      const entryBytes = Buffer.byteLength(text) + row.annotationBytes
      if (fitting.length > 0 && bytes + entryBytes > MAX_DESCRIPTOR_BYTES) return { entries: fitting, more: true, bytes }
      bytes += entryBytes
      fitting.push({ row, text })
    }
    if (!more || fitting.length >= MAX_DESCRIPTORS) return { entries: fitting, more, bytes }
  }
}

/** The fields that the spec names, in its order; those that are undefined stay away. */
function fieldsText({ mediaType, size, digest, artifactType }: Referrer): string {
  return JSON.stringify({ mediaType, size, digest, artifactType })
}

/** Annotations stay the text that they are. */
async function* indexText(annotationsOf: AnnotationsOf, entries: readonly Entry[]): AsyncGenerator<Uint8Array | string> {
  yield BEGINNING
  for (const [index, { row, text }] of entries.entries()) {
    yield `${index === 0 ? '' : ','}${row.annotationBytes === 0 ? text : text.slice(0, -1)}`
    if (row.annotationBytes === 0) continue
    yield ',"annotations":'
    yield* annotationsOf(row)
    yield '}'
  }
  yield END
}
