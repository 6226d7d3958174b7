/** Bytes of a body: `start` inclusive, `end` exclusive, within it and not empty. */
export interface BodyRange {
  readonly start: number
  readonly end: number
}

export type RequestedRange =
  | { readonly kind: 'whole' }
  | { readonly kind: 'one'; readonly range: BodyRange }
  | { readonly kind: 'several'; readonly ranges: readonly BodyRange[] }
  | { readonly kind: 'unsatisfiable' }

/** Partial pulls of zstd:chunked images ask for up to 1024 parts at once. */
export const MAX_RANGES = 1024

const WHOLE: RequestedRange = { kind: 'whole' }
const UNSATISFIABLE: RequestedRange = { kind: 'unsatisfiable' }

/**
 * What a GET with these headers asks for of a body of `size` bytes (RFC 9110 section 14). A header that is malformed, or that asks for
 * more than the whole, is ignored. So is any on an empty body, because clients add `bytes=0-` to everything.
 *
 * Several ranges are answered in the order asked, one part each: clients of partial pulls count the parts.
 */
export function requestedRange(headers: Headers, etag: string, size: number): RequestedRange {
  const header = headers.get('range')
  if (header === null || size === 0 || !isCurrent(headers.get('if-range'), etag)) return WHOLE
  const specs = rangeSpecs(header)
  if (specs === undefined || specs.length > MAX_RANGES) return WHOLE
  const ranges = specs.map((spec) => satisfied(spec, size)).filter((range) => range !== undefined)
  const [first] = ranges
  if (first === undefined) return UNSATISFIABLE
  if (ranges.length === 1) return { kind: 'one', range: first }
  const wanted = ranges.reduce((total, { start, end }) => total + end - start, 0)
  return wanted > size ? WHOLE : { kind: 'several', ranges }
}

/** `Content-Range` of a part. */
export function contentRange({ start, end }: BodyRange, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`
}

/** If-Range compares strongly, and we send no dates that one could name (RFC 9110 section 13.1.5). */
function isCurrent(ifRange: string | null, etag: string): boolean {
  return ifRange === null || ifRange.trim() === etag
}

/** First and last position; one of them may be missing. */
type RangeSpec = readonly [first: number | undefined, last: number | undefined]

/** The ranges as written, or undefined when the header is malformed or has another unit. */
function rangeSpecs(header: string): readonly RangeSpec[] | undefined {
  // Repeated headers arrive joined. Bun applies the first by itself to a file that is sent whole, so the first is what counts.
  const [, list] = /^\s*bytes\s*=(.*?)(?:,\s*bytes\s*=.*)?$/i.exec(header) ?? []
  const texts = (list ?? '').split(',').map((text) => text.trim())
  const specs = texts.filter((text) => text !== '').map(rangeSpec)
  return specs.length > 0 && specs.every((spec) => spec !== undefined) ? specs : undefined
}

function rangeSpec(text: string): RangeSpec | undefined {
  const [, first, last] = /^(\d*)\s*-\s*(\d*)$/.exec(text) ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined
  return [first === '' ? undefined : Number(first), last === '' ? undefined : Number(last)]
}

/** Undefined for what the body cannot satisfy; a range that ends before it starts is such a one (the conformance suite asks it). */
function satisfied([first, last]: RangeSpec, size: number): BodyRange | undefined {
  const start = first ?? Math.max(0, size - (last ?? 0))
  const end = first === undefined ? size : Math.min(size, (last ?? size) + 1)
  return start < end ? { start, end } : undefined
}
