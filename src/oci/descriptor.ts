import { z } from 'zod'
import { type Digest, findDigest } from './digest.ts'
import { fieldReader } from './field-names.ts'

export type Annotations = Readonly<Record<string, string>>

/** image-spec "OCI Content Descriptors": the type, size in bytes and digest of content. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly artifactType?: string | undefined
  readonly annotations?: Annotations | undefined
  /** Where else the content lies. */
  readonly urls?: readonly string[] | undefined
  /** What an image runs on; absent when it is not said, or not in words. */
  readonly platform?: { readonly architecture: string; readonly os: string } | undefined
}

const digestShape = z.string().transform((text, context): Digest => {
  const digest = findDigest(text)
  if (digest !== undefined) return digest
  context.issues.push({ code: 'custom', input: text, message: 'not a sha256 or sha512 digest' })
  return z.NEVER
})

/**
 * A field that may be missing may also be null: Go, in which registry:2 and most clients are written, reads null as nothing, so images
 * that have it are in use.
 */
const optionalText = z.string().nullish()
const textShape = optionalText.transform((text) => text ?? '')

/** An artifact type that is empty is none. */
export const artifactTypeShape = optionalText.transform((text) => text || undefined)

/** By a loop of our own: a schema for each of 50,000 annotations takes 170 ms. */
export const annotationsShape = z.unknown().transform(readAnnotations).optional()

function readAnnotations(value: unknown, { issues }: { readonly issues: z.core.$ZodRawIssue[] }): Annotations | undefined {
  if (value === undefined || value === null) return undefined
  const entries = typeof value === 'object' && !Array.isArray(value) ? Object.entries(value) : undefined
  const wrong = entries?.find(([, text]) => typeof text !== 'string' && text !== null)
  if (entries !== undefined && wrong === undefined) {
    // Go reads null as an empty text. It is rare, and a copy of 50,000 annotations takes 20 ms.
    const hasNull = entries.some(([, text]) => text === null)
    return hasNull ? Object.fromEntries(entries.map(([key, text]) => [key, text ?? ''])) : (value as Annotations)
  }
  const path = wrong === undefined ? [] : [wrong[0]]
  issues.push({ code: 'custom', input: value, path, message: 'annotations are texts by their names' })
  return z.NEVER
}

/** By a loop as well: each of 4,000 descriptors may have some. Go reads null as an empty text. */
function readUrls(value: unknown, { issues }: { readonly issues: z.core.$ZodRawIssue[] }): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined
  const isList = Array.isArray(value)
  const wrong = isList ? value.findIndex((url) => typeof url !== 'string' && url !== null) : -1
  if (isList && wrong < 0) return value.map((url: string | null) => url ?? '')
  issues.push({ code: 'custom', input: value, path: wrong < 0 ? [] : [wrong], message: 'urls are a list of texts' })
  return z.NEVER
}

const descriptorFields = z.object({
  mediaType: textShape,
  digest: digestShape,
  size: z
    .number()
    .int()
    .nonnegative()
    .max(Number.MAX_SAFE_INTEGER)
    .nullish()
    .transform((size) => size ?? 0),
  artifactType: artifactTypeShape,
  annotations: annotationsShape,
  urls: z.unknown().transform(readUrls).optional(),
  platform: z
    .object({ architecture: z.string(), os: z.string() })
    .optional()
    .catch(() => undefined),
})

const readDescriptorFields = fieldReader(Object.keys(descriptorFields.shape))

export const descriptorShape = z.preprocess(readDescriptorFields, descriptorFields)

/**
 * registry:2 and registry:3 do not look at a subject, so that some are an empty text, or a descriptor without a digest as Go writes one
 * that was never set. Neither names anything.
 */
export const subjectShape = z.preprocess((value) => (namesNothing(value) ? undefined : value), descriptorShape.optional())

function namesNothing(value: unknown): boolean {
  if (value === null || value === '') return true
  const fields = readDescriptorFields(value)
  return typeof fields === 'object' && fields !== null && !Array.isArray(fields) && !('digest' in fields && fields.digest)
}
