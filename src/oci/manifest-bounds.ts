import { RegistryError } from './errors.ts'

/**
 * How much a pushed manifest may hold, beside its 4 MiB. The spec sets no limit. Images have up to 127 layers, which is what Docker can
 * stack, indexes some dozens of children, and artifacts with a layer for each file some thousands; a layer has three to ten values.
 */
export const MAX_VALUES = 50_000
export const MAX_VALUES_IN_ARRAY = 4_000
/** The fields of the spec are five levels deep. */
export const MAX_DEPTH = 50
/** An artifact type is a media type, which has at most 255 (RFC 6838 section 4.2). */
export const MAX_ARTIFACT_TYPE_BYTES = 1024

/**
 * Counts what a manifest holds before anything is made of it: two million numbers in the place of layers took 800 MB. Looks at each byte
 * once. Throws MANIFEST_INVALID. What is no JSON may pass: that is for the parser to say.
 */
export function requireBounds(bytes: Uint8Array): void {
  /** Commas so far in each array that is open; undefined for an object. */
  const open: (number | undefined)[] = []
  let values = 0
  for (let position = 0; position < bytes.length; position += 1) {
    const byte = bytes[position]
    if (byte === QUOTE) position = endOfText(bytes, position)
    if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) open.pop()
    if (byte !== COMMA && byte !== OPEN_ARRAY && byte !== OPEN_OBJECT) continue
    values += 1
    if (values >= MAX_VALUES) throw tooMuch(`more than ${MAX_VALUES} values`)
    if (byte === COMMA) countInArray(open)
    else if (open.push(byte === OPEN_ARRAY ? 0 : undefined) > MAX_DEPTH) throw tooMuch(`more than ${MAX_DEPTH} levels`)
  }
}

/** Throws MANIFEST_INVALID for one that lists of referrers could not show. */
export function requireArtifactType(artifactType: string | undefined): void {
  if (artifactType === undefined || Buffer.byteLength(artifactType) <= MAX_ARTIFACT_TYPE_BYTES) return
  throw tooMuch(`an artifact type of more than ${MAX_ARTIFACT_TYPE_BYTES} bytes`)
}

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

function countInArray(open: (number | undefined)[]): void {
  const commas = open.at(-1)
  if (commas === undefined) return
  if (commas + 1 >= MAX_VALUES_IN_ARRAY) throw tooMuch(`a list of more than ${MAX_VALUES_IN_ARRAY} values`)
  open[open.length - 1] = commas + 1
}

/** Where the text that begins at `start` has its closing quote, or where the bytes end. */
function endOfText(bytes: Uint8Array, start: number): number {
  let position = start + 1
  while (position < bytes.length && bytes[position] !== QUOTE) position += bytes[position] === BACKSLASH ? 2 : 1
  return position
}

function tooMuch(what: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', { message: `The manifest has ${what}; put what is large into a blob.` })
}
