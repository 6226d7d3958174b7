import { MAX_MANIFEST_BYTES } from '../../oci/manifest.ts'
import { parseTag, type Tag } from '../../oci/reference.ts'
import { LARGE_MANIFEST_BYTES, type WholeManifest } from '../../registry/content/manifest-store.ts'
import type { StoredManifest } from '../../registry/content/remembered-manifests.ts'
import type { Freed } from '../../registry/deleting/frees.ts'
import { manifestPull } from '../../registry/events/content-event.ts'
import { streamOf } from '../answer/byte-stream.ts'
import { Refusal } from '../answer/error-response.ts'
import { etagOf, isNotModified } from '../answer/etags.ts'
import { bodilessResponse, emptyResponse, type PlainResponse, warningOf } from '../answer/responses.ts'
import { type Call, pulledFrom } from '../call.ts'
import { isForced } from '../forced-delete.ts'
import { declaredMediaType } from '../request/content-type.ts'
import { readManifest } from '../request/request-body.ts'
import type { ManifestRoute } from '../routes.ts'

/** The spec asks for ten at least. */
const MAX_TAGS_PER_PUSH = 100

/**
 * end-3, GET and HEAD. What was pushed is served whatever Accept says: clients that list too little there can still read it. A Range is
 * ignored, as RFC 9110 allows; containerd adds `bytes=0-` to every GET.
 */
export async function getManifest(call: Call<ManifestRoute>): Promise<PlainResponse> {
  const { registry, request, route, actor } = call
  const { repository, reference } = route
  const { manifests } = pulledFrom(registry, repository)
  if (request.method === 'HEAD') {
    const manifest = await manifests.get(repository, reference)
    registry.pulls?.looked({ repository, reference, digest: manifest.digest, mediaType: manifest.mediaType }, actor)
    return pulled(call, manifest, null)
  }
  const { manifest, content } = await manifests.read(repository, reference)
  registry.pulls?.pulled({ repository, reference, digest: manifest.digest, mediaType: manifest.mediaType }, actor)
  return pulled(call, manifest, content)
}

/** The answer, and its event: as with registry:2, a HEAD is a pull, and a client that has the manifest already pulls nothing. */
function pulled(
  { registry, request, route, actor }: Call<ManifestRoute>,
  manifest: StoredManifest,
  content: WholeManifest['content'] | null,
): PlainResponse {
  const answer = manifestResponse(request, manifest, content)
  const { repository, reference } = route
  if (answer.status === 200) registry.pullEvents?.note(manifestPull(repository, reference, manifest), actor)
  return answer
}

/** end-7a, end-7b. */
export async function putManifest({ registry, request, route, actor }: Call<ManifestRoute>): Promise<PlainResponse> {
  const { manifests, paths } = registry
  const { repository, reference, query } = route
  const contentType = declaredMediaType(request.headers)
  const tags = furtherTags(query)
  const bytes = await readManifest(request, MAX_MANIFEST_BYTES)
  const pushed = await manifests.put(repository, { reference, tags, contentType, bytes, actor })
  return emptyResponse(201, {
    Location: paths.manifest(repository, pushed.digest),
    'Docker-Content-Digest': pushed.digest,
    ...(pushed.subject === undefined ? {} : { 'OCI-Subject': pushed.subject }),
    ...(tags.length === 0 ? {} : { 'OCI-Tag': pushed.tags.join(', ') }),
    // distribution-spec "Warnings": clients show them to the user.
    ...(pushed.warnings.length === 0 ? {} : { Warning: pushed.warnings.map((text) => `299 - "${text}"`).join(', ') }),
  })
}

/** end-9: a tag, or a manifest with every tag on it. */
export async function deleteManifest({ registry, route, actor }: Call<ManifestRoute>): Promise<PlainResponse> {
  const freed = await registry.frees.of(route.repository, route.reference)
  await registry.manifests.delete(route.repository, route.reference, { isForced: isForced(route.query), actor })
  return emptyResponse(202, freed === undefined ? {} : { 'Berth-Frees': freesOf(freed) })
}

/** Bytes, and by when; without a time where nothing is freed, or nothing frees it by itself. */
function freesOf({ bytes, afterMs }: Freed): string {
  return afterMs === undefined ? String(bytes) : `${bytes};by=${new Date(Date.now() + afterMs).toISOString()}`
}

function manifestResponse(
  { headers: asked }: Request,
  { digest, mediaType, size, unconfirmedBy }: StoredManifest,
  content: WholeManifest['content'] | null,
): PlainResponse {
  const etag = etagOf(digest)
  const headers: Record<string, string> = { ETag: etag, 'Docker-Content-Digest': digest }
  if (unconfirmedBy !== undefined) Object.assign(headers, warningOf(`${unconfirmedBy} could not confirm the tag`))
  if (isNotModified(asked, etag)) return bodilessResponse(304, headers)
  headers['Content-Type'] = mediaType
  headers['Content-Length'] = String(size)
  // Bun would name the file of a large one in a Content-Disposition of its own.
  if (size > LARGE_MANIFEST_BYTES) headers['Content-Disposition'] = 'inline'
  // And it would apply a Range to a file that is sent whole, as a stream too; but not to a generator's.
  const body = content instanceof Blob && asked.has('Range') ? streamOf(bytesOf(content)) : content
  return { status: 200, headers, body }
}

async function* bytesOf(file: Blob): AsyncGenerator<Uint8Array> {
  yield* file.stream()
}

/** The `tag` parameters of end-7b. Throws MANIFEST_INVALID, 414 for too many. */
function furtherTags(query: URLSearchParams): readonly Tag[] {
  const texts = query.getAll('tag')
  if (texts.length <= MAX_TAGS_PER_PUSH) return texts.map(parseTag)
  throw new Refusal('MANIFEST_INVALID', {
    status: 414,
    message: `The request has ${texts.length} tags; send at most ${MAX_TAGS_PER_PUSH} at once.`,
    detail: { maxTags: MAX_TAGS_PER_PUSH },
  })
}
