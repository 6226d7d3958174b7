/** One value of DER (X.690): its tag byte and what is inside. */
export interface DerValue {
  readonly tag: number
  readonly content: Uint8Array
}

export const TAG = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const

/** Tags of a context: `[0]` of a choice or of optional fields, with a plain value or with values inside. */
export function contextTag(number: number, form: 'plain' | 'constructed'): number {
  return (form === 'plain' ? 0x80 : 0xa0) | number
}

/** Bytes that are no DER, or not of the expected kind. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

/** The one value that the bytes are. Throws DerError. */
export function readDer(bytes: Uint8Array, tag?: number): DerValue {
  const [value, ...more] = readAll(bytes)
  if (value === undefined || more.length > 0) throw new DerError('the bytes are not one value')
  if (tag !== undefined && value.tag !== tag) throw new DerError(`a value has the tag ${value.tag}, not ${tag}`)
  return value
}

/** The values inside a value. Throws DerError. */
export function partsOf(value: DerValue | undefined, tag?: number): readonly DerValue[] {
  if (value === undefined || (tag !== undefined && value.tag !== tag)) throw new DerError('a value is missing or another one')
  return readAll(value.content)
}

/** A number from 0 up; one that is too large to count is as good as the largest. Throws DerError for one below 0. */
export function countOf({ content }: DerValue): number {
  const [first] = content
  if (first === undefined || first >= 0x80) throw new DerError('a number is below 0')
  return content.reduce((number, byte) => Math.min(number * 256 + byte, Number.MAX_SAFE_INTEGER), 0)
}

export function isTrue({ tag, content }: DerValue): boolean {
  return tag === TAG.BOOLEAN && content[0] !== 0
}

function readAll(bytes: Uint8Array): readonly DerValue[] {
  const values: DerValue[] = []
  for (let position = 0; position < bytes.length; ) {
    const { value, end } = readAt(bytes, position)
    values.push(value)
    position = end
  }
  return values
}

/** Certificates have no tag of more than one byte. */
function readAt(bytes: Uint8Array, position: number): { readonly value: DerValue; readonly end: number } {
  const [tag, short] = bytes.subarray(position, position + 2)
  if (tag === undefined || short === undefined || (tag & 0x1f) === 0x1f) throw new DerError('a value breaks off')
  const lengthBytes = short < 0x80 ? 0 : short & 0x7f
  if (short === 0x80 || lengthBytes > 4) throw new DerError('a length cannot be read')
  const start = position + 2 + lengthBytes
  const length = lengthBytes === 0 ? short : bytes.subarray(position + 2, start).reduce((sum, byte) => sum * 256 + byte, 0)
  if (start + length > bytes.length) throw new DerError('a value breaks off')
  return { value: { tag, content: bytes.subarray(start, start + length) }, end: start + length }
}
