import { z } from 'zod'
import { type Digest, findDigest } from './digest.ts'

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

export const annotationsShape = z.record(z.string(), z.string())

export const descriptorShape = z.object({
  mediaType: z.string().default(''),
  digest: digestShape,
  size: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER).default(0),
  artifactType: z.string().optional(),
  annotations: annotationsShape.nullish().transform((annotations) => annotations ?? undefined),
  urls: z
    .array(z.string())
    .nullish()
    .transform((urls) => urls ?? undefined),
  platform: z
    .object({ architecture: z.string(), os: z.string() })
    .optional()
    .catch(() => undefined),
})
