import type { StoredBlob } from '../../registry/content/blob-store.ts'
import { blobEvent } from '../../registry/events/content-event.ts'
import { Refusal } from '../answer/error-response.ts'
import { etagOf, isNotModified } from '../answer/etags.ts'
import { multipartRanges } from '../answer/multipart-ranges.ts'
import { type BodyRange, contentRange, requestedRange } from '../answer/ranges.ts'
import { bodilessResponse, emptyResponse, type HeaderFields, type PlainResponse } from '../answer/responses.ts'
import { type Call, type PulledBlobs, pulledFrom } from '../call.ts'
import { isForced } from '../forced-delete.ts'
import type { BlobRoute } from '../routes.ts'

/** end-2, GET and HEAD. */
export async function getBlob({ registry, request, route, actor }: Call<BlobRoute>): Promise<PlainResponse> {
  const { repository, digest } = route
  const { blobs } = pulledFrom(registry, repository)
  const blob = await blobs.get(repository, digest, { withBytes: request.method !== 'HEAD' })
  const answer = await blobResponse(blobs, blob, request)
  // As with registry:2, a HEAD is a pull, and so is the look of a client that has the blob already.
  registry.pullEvents?.note(blobEvent('pull', repository, { digest, size: blob.size }), actor)
  return answer
}

async function blobResponse(blobs: PulledBlobs, blob: StoredBlob, request: Request): Promise<PlainResponse> {
  const validators = validatorsOf(blob)
  if (isNotModified(request.headers, validators.ETag)) return bodilessResponse(304, validators)
  const headers = { ...validators, ...CONTENT_HEADERS, 'Content-Length': String(blob.size) }
  // An empty file is no body for Bun, which would answer `Range: bytes=0-` with a 416 of its own.
  if (request.method === 'HEAD' || blob.size === 0) return { status: 200, headers, body: null }
  const elsewhere = await blobs.redirectUrl(blob)
  if (elsewhere !== undefined) return emptyResponse(307, { Location: elsewhere, 'Content-Type': 'application/octet-stream' })
  const wanted = requestedRange(request.headers, validators.ETag, blob.size)
  switch (wanted.kind) {
    case 'whole':
      return { status: 200, headers, body: await blobs.content(blob) }
    case 'one':
      return await partResponse(blobs, blob, wanted.range, headers)
    case 'several':
      return partsResponse(blobs, blob, wanted.ranges, headers)
    case 'unsatisfiable':
      throw unsatisfiable(blob)
  }
}

/** end-10. Takes the blob from this repository alone. */
export async function deleteBlob({ registry, route, actor }: Call<BlobRoute>): Promise<PlainResponse> {
  await registry.blobs.delete(route.repository, route.digest, { isForced: isForced(route.query), actor })
  return emptyResponse(202)
}

/** Bun would name the file on disk in a Content-Disposition of its own, and guess a type. */
const CONTENT_HEADERS = {
  'Content-Type': 'application/octet-stream',
  'Content-Disposition': 'attachment',
  'Accept-Ranges': 'bytes',
} as const

/** Sent with a 304 as well. What a digest names never changes. */
function validatorsOf({ digest }: StoredBlob) {
  return { ETag: etagOf(digest), 'Docker-Content-Digest': digest, 'Cache-Control': 'max-age=31536000' } as const
}

/** Status 206 keeps Bun from applying the Range a second time, to the part. */
async function partResponse(
  blobs: PulledBlobs,
  blob: StoredBlob,
  range: BodyRange,
  headers: HeaderFields,
): Promise<PlainResponse> {
  const length = String(range.end - range.start)
  const contentHeaders = { ...headers, 'Content-Length': length, 'Content-Range': contentRange(range, blob.size) }
  return { status: 206, headers: contentHeaders, body: await blobs.content(blob, range) }
}

/** Without Content-Length: the body is a stream, which Bun sends in chunks. */
function partsResponse(blobs: PulledBlobs, blob: StoredBlob, ranges: readonly BodyRange[], headers: HeaderFields): PlainResponse {
  const { contentType, body } = multipartRanges(ranges, blob.size, (range) => blobs.content(blob, range))
  const { 'Content-Length': _, ...others } = headers
  return { status: 206, headers: { ...others, 'Content-Type': contentType }, body }
}

function unsatisfiable({ size }: StoredBlob): Refusal {
  return new Refusal('RANGE_INVALID', {
    message: `The blob has ${size} bytes and none in the range asked for.`,
    detail: { size },
    headers: { 'Content-Range': `bytes */${size}` },
  })
}
