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
  readonly platform?: Platform | undefined
}

export interface Platform {
  readonly architecture: string
  readonly os: string
  /** Of the architecture: `v8`. */
  readonly variant?: string
}

/** What a value is not, and where in it. */
class Misfit extends Error {
  readonly path: readonly (string | number)[]

  constructor(path: readonly (string | number)[], message: string) {
    super(message)
    this.path = path
  }
}

/**
 * A schema out of a function of our own that throws `Misfit`: a manifest may have 4,000 descriptors and 50,000 annotations, for which
 * schemas of their fields take 20 ms and 170.
 */
function shapeOf<Value>(read: (value: unknown) => Value) {
  return z.unknown().transform((value, { issues }): Value => {
    try {
      return read(value)
    } catch (error) {
      if (!(error instanceof Misfit)) throw error
      issues.push({ code: 'custom', input: value, path: [...error.path], message: error.message })
      return z.NEVER
    }
  })
}

/**
 * A field that may be missing may also be null: Go, in which registry:2 and most clients are written, reads null as nothing, so images
 * that have it are in use.
 */
function readText(value: unknown, field: string): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  throw new Misfit([field], 'not a text')
}

function readSize(value: unknown): number {
  if (value === undefined || value === null) return 0
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new Misfit(['size'], 'not a number of bytes')
}

function readDigest(value: unknown): Digest {
  const digest = typeof value === 'string' ? findDigest(value) : undefined
  if (digest !== undefined) return digest
  throw new Misfit(['digest'], 'not a sha256 or sha512 digest')
}

/** Go reads null as an empty text. */
function readAnnotations(value: unknown, path: readonly string[] = []): Annotations | undefined {
  if (value === undefined || value === null) return undefined
  if (!isObject(value)) throw new Misfit(path, 'annotations are texts by their names')
  let hasNull = false
  for (const [key, text] of Object.entries(value)) {
    if (text === null) hasNull = true
    else if (typeof text !== 'string') throw new Misfit([...path, key], 'annotations are texts by their names')
  }
  // Null is rare, and a copy of 50,000 annotations takes 20 ms.
  if (!hasNull) return value as Annotations
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, (text as string | null) ?? '']))
}

function readUrls(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value)) throw new Misfit(['urls'], 'urls are a list of texts')
  return value.map((url: unknown, position) => {
    if (url === null) return ''
    if (typeof url === 'string') return url
    throw new Misfit(['urls', position], 'urls are a list of texts')
  })
}

function findPlatform(value: unknown): Descriptor['platform'] {
  if (!isObject(value)) return undefined
  const { architecture, os, variant } = value
  if (typeof architecture !== 'string' || typeof os !== 'string') return undefined
  return { architecture, os, ...(typeof variant === 'string' && variant !== '' ? { variant } : {}) }
}

const readFieldNames = fieldReader(['mediaType', 'digest', 'size', 'artifactType', 'annotations', 'urls', 'platform'])

function readDescriptor(value: unknown): Descriptor {
  const fields = readFieldNames(value)
  if (!isObject(fields)) throw new Misfit([], 'not a descriptor')
  return {
    mediaType: readText(fields.mediaType, 'mediaType'),
    digest: readDigest(fields.digest),
    size: readSize(fields.size),
    artifactType: readText(fields.artifactType, 'artifactType') || undefined,
    annotations: readAnnotations(fields.annotations, ['annotations']),
    urls: readUrls(fields.urls),
    platform: findPlatform(fields.platform),
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An artifact type that is empty is none. */
export const artifactTypeShape = z
  .string()
  .nullish()
  .transform((text) => text || undefined)
export const annotationsShape = shapeOf((value) => readAnnotations(value)).optional()
export const descriptorShape = shapeOf(readDescriptor)

/**
 * registry:2 and registry:3 do not look at a subject, so that some are an empty text, or a descriptor without a digest as Go writes one
 * that was never set. Neither names anything.
 */
export const subjectShape = shapeOf((value) => (namesNothing(value) ? undefined : readDescriptor(value))).optional()

function namesNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true
  const fields = readFieldNames(value)
  return isObject(fields) && !fields.digest
}
