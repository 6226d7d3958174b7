import { RegistryError } from './errors.ts'

/**
 * How much a pushed manifest may hold, beside its 4 MiB. The spec sets no limit. Images have up to 127 layers, which is what Docker can
 * stack, indexes some dozens of children, and artifacts with a layer for each file some thousands; a layer has three to ten values.
 */
export const MAX_VALUES = 50_000
/** Of a list or of an object, so of annotations too: a parser takes longer for an object of many fields than for all else. */
export const MAX_VALUES_TOGETHER = 4_000
/** The fields of the spec are five levels deep. */
export const MAX_DEPTH = 50
/** Of an image index, each of which has a row that a push and a delete of the index change: 4,000 took 80 ms. */
export const MAX_CHILDREN = 2_000
/** An artifact type is a media type, which has at most 255 (RFC 6838 section 4.2). */
export const MAX_ARTIFACT_TYPE_BYTES = 1024

/**
 * Counts what a manifest holds before anything is made of it, while its bytes arrive: two million numbers in the place of layers took
 * 800 MB. Looks at each byte once. What is no JSON may pass: that is for the parser to say.
 */
export class ManifestBounds {
  /** Commas so far in each list and object that is open. */
  readonly #open: number[] = []
  #values = 0
  #isInText = false
  /** The bytes so far end in a text, after a backslash. */
  #isEscaped = false

  /** The next bytes. Throws MANIFEST_INVALID as soon as there is too much. */
  count(bytes: Uint8Array): void {
    let position = this.#isInText ? this.#afterText(bytes, 0) : 0
    for (; position < bytes.length; position += 1) {
      const byte = bytes[position]
      if (byte === QUOTE) position = this.#afterText(bytes, position + 1) - 1
      else if (byte === COMMA) this.#countValue()
      else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) this.#enter()
      else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) this.#open.pop()
    }
  }

  /** Where a text that is open at `start` has ended, or where the bytes end. */
  #afterText(bytes: Uint8Array, start: number): number {
    let position = this.#isEscaped ? start + 1 : start
    while (position < bytes.length && bytes[position] !== QUOTE) position += bytes[position] === BACKSLASH ? 2 : 1
    this.#isInText = position >= bytes.length
    this.#isEscaped = position > bytes.length
    return Math.min(position + 1, bytes.length)
  }

  #countValue(): void {
    this.#count()
    const depth = this.#open.length
    if (depth === 0) return
    const commas = (this.#open[depth - 1] ?? 0) + 1
    if (commas >= MAX_VALUES_TOGETHER) throw tooMuch(`a list or an object of more than ${MAX_VALUES_TOGETHER} values`)
    this.#open[depth - 1] = commas
  }

  #enter(): void {
    this.#count()
    if (this.#open.push(0) > MAX_DEPTH) throw tooMuch(`more than ${MAX_DEPTH} levels`)
  }

  #count(): void {
    this.#values += 1
    if (this.#values >= MAX_VALUES) throw tooMuch(`more than ${MAX_VALUES} values`)
  }
}

/** Throws MANIFEST_INVALID for a manifest that holds too much. */
export function requireBounds(bytes: Uint8Array): void {
  new ManifestBounds().count(bytes)
}

/** Throws MANIFEST_INVALID for one that lists of referrers could not show. */
export function requireArtifactType(artifactType: string | undefined): void {
  if (artifactType === undefined || Buffer.byteLength(artifactType) <= MAX_ARTIFACT_TYPE_BYTES) return
  throw tooMuch(`an artifact type of more than ${MAX_ARTIFACT_TYPE_BYTES} bytes`)
}

/** Throws MANIFEST_INVALID for an image index that names more manifests. */
export function requireChildren(references: readonly { readonly role: string }[]): void {
  if (references.length <= MAX_CHILDREN || references.at(-1)?.role !== 'child') return
  throw new RegistryError('MANIFEST_INVALID', {
    message: `The image index names more than ${MAX_CHILDREN} manifests; name some of them in an index of their own.`,
  })
}

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

function tooMuch(what: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', { message: `The manifest has ${what}; put what is large into a blob.` })
}
