import { z } from 'zod'
import {
  type Annotations,
  annotationsShape,
  artifactTypeShape,
  type Descriptor,
  descriptorShape,
  subjectShape,
} from './descriptor.ts'
import { findDigest } from './digest.ts'
import { RegistryError } from './errors.ts'
import { fieldReader } from './field-names.ts'
import { requireBounds } from './manifest-bounds.ts'
import {
  findManifestMediaType,
  isImageIndex,
  isNonDistributable,
  isOci,
  isSchema1,
  type ManifestMediaType,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
} from './media-types.ts'

/** distribution-spec "Pushing Manifests": at least 4 megabytes must pass; this is the limit that registry:2 enforces too. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024

export type ReferenceRole = 'config' | 'layer' | 'child'

/** Content that a manifest names. A layer that is not distributable may be absent; everything else must be there. */
export interface ManifestReference {
  readonly role: ReferenceRole
  readonly descriptor: Descriptor
  readonly mayBeAbsent: boolean
}

/** What a registry needs to know of a manifest. The bytes themselves are kept apart and never made again from this. */
export interface Manifest {
  readonly mediaType: ManifestMediaType
  readonly references: readonly ManifestReference[]
  readonly subject: Descriptor | undefined
  /** As the referrers API shows it: its own, else an image's config type, else none (distribution-spec end-12a). */
  readonly artifactType: string | undefined
  readonly annotations: Annotations | undefined
}

/**
 * Parses the bytes of a push or of a stored file. `contentType` is what the client declared; for stored bytes it is left out.
 * Throws MANIFEST_INVALID with the reason.
 */
export function parseManifest(bytes: Uint8Array, contentType?: string): Manifest {
  const body = parseJsonObject(bytes, new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }))
  const mediaType = mediaTypeOf(body, contentType)
  const fields = fieldsOf(mediaType, body)
  return isImageIndex(mediaType)
    ? imageIndexOf(mediaType, shapedAs(imageIndexShape, mediaType, fields))
    : imageManifestOf(mediaType, shapedAs(imageManifestShape, mediaType, fields))
}

function shapedAs<Shape extends z.ZodType>(shape: Shape, mediaType: ManifestMediaType, fields: unknown): z.infer<Shape> {
  const parsed = shape.safeParse(fields)
  if (!parsed.success) throw invalid(`The manifest is not a valid ${mediaType}: ${problems(parsed.error)}.`)
  return parsed.data
}

/**
 * Reads a manifest that lies in the storage, as lenient as the registry that took it: what registry:2 serves must be served, even
 * where a push of it would be refused today. Undefined for what is no manifest of the four types.
 */
export function parseStoredManifest(bytes: Uint8Array): Manifest | undefined {
  try {
    // A schema looks at two million numbers for three seconds.
    requireBounds(bytes)
    return parseManifest(bytes)
  } catch (error) {
    if (error instanceof RegistryError) return salvageManifest(bytes)
    throw error
  }
}

const commonShape = {
  schemaVersion: z.literal(2),
  subject: subjectShape,
  artifactType: artifactTypeShape,
  annotations: annotationsShape,
}
const imageManifestShape = z.object({
  ...commonShape,
  config: descriptorShape,
  layers: z.array(descriptorShape).nullish(),
  manifests: z.null('an image manifest has no "manifests"').optional(),
})
const imageIndexShape = z.object({
  ...commonShape,
  manifests: z.array(descriptorShape).nullish(),
  config: z.null('an image index has no "config"').optional(),
  layers: z.null('an image index has no "layers"').optional(),
})
const readFields = fieldReader(['mediaType', ...Object.keys(imageManifestShape.shape)])

/** Docker's types have no subject, artifact type or annotations: what stands there is as free as any other field. */
function fieldsOf(mediaType: ManifestMediaType, body: Record<string, unknown>): Record<string, unknown> {
  if (isOci(mediaType)) return body
  const { subject, artifactType, annotations, ...fields } = body
  return fields
}

function imageManifestOf(mediaType: ManifestMediaType, body: z.infer<typeof imageManifestShape>): Manifest {
  const layers = body.layers ?? []
  return {
    mediaType,
    references: [
      { role: 'config', descriptor: body.config, mayBeAbsent: false },
      ...layers.map((layer) => ({ role: 'layer', descriptor: layer, mayBeAbsent: isNonDistributable(layer.mediaType) }) as const),
    ],
    subject: body.subject,
    artifactType: body.artifactType ?? (body.config.mediaType || undefined),
    annotations: body.annotations,
  }
}

function imageIndexOf(mediaType: ManifestMediaType, body: z.infer<typeof imageIndexShape>): Manifest {
  const children = body.manifests ?? []
  return {
    mediaType,
    references: children.map((child) => ({ role: 'child', descriptor: child, mayBeAbsent: false })),
    subject: body.subject,
    artifactType: body.artifactType,
    annotations: body.annotations,
  }
}

/** Keeps the type, the subject and every digest that parses, so that what the manifest names is not collected. */
function salvageManifest(bytes: Uint8Array): Manifest | undefined {
  let body: Record<string, unknown>
  try {
    // registry:2 takes bytes that are not UTF-8 inside strings, and serves them.
    body = parseJsonObject(bytes, new TextDecoder('utf-8', { ignoreBOM: true }))
  } catch (error) {
    if (error instanceof RegistryError) return undefined
    throw error
  }
  const named = typeof body.mediaType === 'string' ? body.mediaType : ''
  const mediaType = findManifestMediaType(named || ociTypeByShape(body))
  if (mediaType === undefined || body.schemaVersion !== 2) return undefined
  const references: ManifestReference[] = []
  for (const [role, field] of [
    ['config', body.config],
    ['layer', body.layers],
    ['child', body.manifests],
  ] as const) {
    for (const value of asList(field)) {
      const descriptor = salvageDescriptor(value)
      if (descriptor !== undefined) references.push({ role, descriptor, mayBeAbsent: true })
    }
  }
  return { mediaType, references, ...salvageReferrer(mediaType, body) }
}

/** What the referrers API shows, as far as it can be read: a referrer with a fault elsewhere is a referrer still. */
function salvageReferrer(mediaType: ManifestMediaType, body: Record<string, unknown>) {
  const config = isImageIndex(mediaType) ? undefined : salvageDescriptor(body.config)
  const fields = fieldsOf(mediaType, body)
  return {
    subject: salvageDescriptor(fields.subject),
    artifactType: artifactTypeShape.safeParse(fields.artifactType).data ?? (config?.mediaType || undefined),
    annotations: annotationsShape.safeParse(fields.annotations).data,
  }
}

/** Its first line keeps the schema, which takes a microsecond for each, from a list of a million things that are no descriptors. */
function salvageDescriptor(value: unknown): Descriptor | undefined {
  if (typeof value !== 'object' || value === null || !Object.keys(value).some((name) => DIGEST_FIELD.test(name))) return undefined
  const { success, data } = descriptorShape.safeParse(value)
  if (success) return data
  const digest = 'digest' in value ? findDigest(String(value.digest)) : undefined
  return digest === undefined ? undefined : { mediaType: '', digest, size: 0 }
}

/** As Go folds names. */
const DIGEST_FIELD = /^dige[sſ]t$/i

function asList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  return value === undefined || value === null ? [] : [value]
}

function parseJsonObject(bytes: Uint8Array, decoder: TextDecoder): Record<string, unknown> {
  let body: unknown
  try {
    body = JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw new RegistryError('MANIFEST_INVALID', { message: 'The manifest is not JSON in UTF-8.', cause })
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return readFields(body) as Record<string, unknown>
  throw invalid('The manifest is not a JSON object.')
}

/** The declared type and the one in the body must agree; Docker's types demand the field, OCI's may leave it out where the shape tells. */
function mediaTypeOf(body: Record<string, unknown>, contentType: string | undefined): ManifestMediaType {
  const mediaType = findMediaType(body)
  if (body.schemaVersion === 1 || isSchema1(contentType ?? '')) {
    throw invalid('Docker schema 1 manifests are not accepted; push the image again with a Docker of version 1.10 or newer.')
  }
  const known = findManifestMediaType(contentType || mediaType || ociTypeByShape(body))
  if (known === undefined) {
    throw invalid(`The manifest type ${contentType || mediaType} is not accepted; push an OCI or Docker schema 2 manifest.`)
  }
  // A reader of the stored bytes, which have no Content-Type, must come to the same type.
  if (mediaType === undefined && known !== ociTypeByShape(body)) {
    throw invalid(`A manifest of type ${known} must carry it in its field mediaType.`)
  }
  if (mediaType !== undefined && mediaType !== known) {
    throw invalid(`The Content-Type ${known} and the field mediaType ${mediaType} differ; send the same in both.`)
  }
  return known
}

/** Undefined when it is missing, null or empty, which is the same to registry:2 and registry:3. */
function findMediaType({ mediaType }: Record<string, unknown>): string | undefined {
  if (mediaType === undefined || mediaType === null || mediaType === '') return undefined
  if (typeof mediaType === 'string') return mediaType
  throw invalid('The field mediaType is not a string.')
}

function ociTypeByShape(body: Record<string, unknown>): ManifestMediaType {
  return body.manifests === undefined || body.manifests === null ? OCI_IMAGE_MANIFEST : OCI_IMAGE_INDEX
}

function problems(error: z.ZodError): string {
  const listed = error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || 'manifest'}: ${issue.message}`)
  return listed.join('; ')
}

function invalid(message: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', { message })
}
