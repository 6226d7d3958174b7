import {
  algorithmOf,
  type Digest,
  type DigestAlgorithm,
  findDigest,
  isDigestOfNothing,
  parseDigest,
  parseDigestAlgorithm,
} from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import type { UploadStatus } from '../../registry/uploads/upload-sessions.ts'
import { Refusal } from '../answer/error-response.ts'
import type { Paths } from '../answer/links.ts'
import { bodilessResponse, emptyResponse, type HeaderFields, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import { incomingChunk } from '../request/incoming-chunk.ts'
import type { UploadRoute, UploadsRoute } from '../routes.ts'

/** end-11, end-4b, end-4a and end-4c, in this order: what a mount or a body in the POST cannot do, a session can. */
export async function postUpload(call: Call<UploadsRoute>): Promise<PlainResponse> {
  const { registry, request, route, actor } = call
  const { uploads, paths } = registry
  const { repository } = route
  const mounted = await mount(call)
  if (mounted !== undefined) return blobCreated(paths.blob(repository, mounted), mounted)
  const digest = digestOfBody(request, route)
  if (digest !== undefined) {
    await uploads.push(repository, { digest, chunk: incomingChunk(request), actor })
    return blobCreated(paths.blob(repository, digest), digest)
  }
  const status = await uploads.start(repository, algorithmFor(route))
  return emptyResponse(202, sessionHeaders(paths, route, status))
}

/** end-13. */
export async function getUpload({ registry, route }: Call<UploadRoute>): Promise<PlainResponse> {
  const status = await registry.uploads.status(route.repository, route.uploadId)
  return bodilessResponse(204, sessionHeaders(registry.paths, route, status))
}

/** end-5. */
export async function patchUpload({ registry, request, route }: Call<UploadRoute>): Promise<PlainResponse> {
  const { uploads, paths } = registry
  const { repository, uploadId } = route
  try {
    const status = await uploads.append(repository, uploadId, incomingChunk(request))
    return emptyResponse(202, sessionHeaders(paths, route, status))
  } catch (error) {
    throw withWayOn(error, paths, route)
  }
}

/** end-6. */
export async function putUpload({ registry, request, route, actor }: Call<UploadRoute>): Promise<PlainResponse> {
  const { uploads, paths } = registry
  const { repository, uploadId } = route
  const digest = closingDigest(route)
  try {
    await uploads.close(repository, uploadId, { digest, chunk: incomingChunk(request), actor })
  } catch (error) {
    throw withWayOn(error, paths, route)
  }
  return blobCreated(paths.blob(repository, digest), digest)
}

/** end-14. */
export async function deleteUpload({ registry, route }: Call<UploadRoute>): Promise<PlainResponse> {
  await registry.uploads.cancel(route.repository, route.uploadId)
  return bodilessResponse(204, { 'Docker-Upload-UUID': route.uploadId })
}

/**
 * The digest of a blob that could be mounted. Whatever stands in its way (no such blob, none that the caller may pull, a name or
 * digest that cannot be one), the client is to upload: other answers than 201 and 202 end a push.
 */
async function mount({ registry, route, permit, actor }: Call<UploadsRoute>): Promise<Digest | undefined> {
  const { repository, query } = route
  const digest = findDigest(query.get('mount') ?? '')
  if (digest === undefined) return undefined
  const source = query.get('from') || undefined
  const from = source === undefined ? undefined : findRepositoryName(source)
  if (source !== undefined && from === undefined) return undefined
  const isReadable = (name: RepositoryName) => permit.may('pull', name)
  return (await registry.blobs.mount(repository, digest, { from, isReadable, actor })) ? digest : undefined
}

/**
 * The digest of a blob that the POST itself brings (end-4b). Undefined when it brings none: without a body the client means a session,
 * unless the blob is the empty one. Throws DIGEST_INVALID.
 */
function digestOfBody(request: Request, { query }: UploadsRoute): Digest | undefined {
  const text = query.get('digest')
  if (text === null) return undefined
  const digest = parseDigest(text)
  return request.body !== null || isDigestOfNothing(digest) ? digest : undefined
}

/** end-4c; else that of the digest which a mount or an empty POST named. Throws DIGEST_INVALID. */
function algorithmFor({ query }: UploadsRoute): DigestAlgorithm {
  const asked = query.get('digest-algorithm')
  if (asked !== null) return parseDigestAlgorithm(asked)
  const named = findDigest(query.get('digest') ?? '') ?? findDigest(query.get('mount') ?? '')
  return named === undefined ? 'sha256' : algorithmOf(named)
}

function closingDigest({ query }: UploadRoute): Digest {
  const text = query.get('digest')
  if (text !== null) return parseDigest(text)
  throw new RegistryError('DIGEST_INVALID', {
    message: 'The digest is missing; close the upload with PUT <location>?digest=<digest>.',
  })
}

/** A 416 tells where the session stands, so that a client need not ask (end-13) before it goes on. */
function withWayOn(error: unknown, paths: Paths, route: UploadRoute): unknown {
  if (!(error instanceof RegistryError) || error.code !== 'RANGE_INVALID') return error
  const offset = offsetIn(error.detail)
  if (offset === undefined) return error
  const headers = sessionHeaders(paths, route, { uploadId: route.uploadId, offset })
  return new Refusal('RANGE_INVALID', { message: error.message, detail: error.detail, cause: error, headers })
}

function offsetIn(detail: unknown): number | undefined {
  if (typeof detail !== 'object' || detail === null || !('offset' in detail)) return undefined
  return typeof detail.offset === 'number' ? detail.offset : undefined
}

/** `0-0` when nothing is there yet, as from registry:2: the form has no way to say 'no byte'. */
function sessionHeaders(
  paths: Paths,
  { repository }: { repository: UploadRoute['repository'] },
  status: UploadStatus,
): HeaderFields {
  const { uploadId, offset } = status
  return {
    Location: paths.upload(repository, uploadId),
    Range: `0-${Math.max(0, offset - 1)}`,
    'Docker-Upload-UUID': uploadId,
  }
}

function blobCreated(location: string, digest: Digest): PlainResponse {
  return emptyResponse(201, { Location: location, 'Docker-Content-Digest': digest })
}
