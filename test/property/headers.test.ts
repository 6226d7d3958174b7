import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { etagOf, isNotModified } from '../../src/http/answer/etags.ts'
import { nextLink } from '../../src/http/answer/links.ts'
import { lastEntry, requestedCount } from '../../src/http/answer/pagination.ts'
import { type BodyRange, contentRange, MAX_RANGES, type RequestedRange, requestedRange } from '../../src/http/answer/ranges.ts'
import { declaredMediaType } from '../../src/http/request/content-type.ts'
import { contentLength, incomingChunk } from '../../src/http/request/incoming-chunk.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { RegistryError } from '../../src/oci/errors.ts'
import { PROPERTY_TIMEOUT_MS, runs } from '../support/property-runs.ts'

setDefaultTimeout(PROPERTY_TIMEOUT_MS)

const ETAG = etagOf(digestOf('sha256', new Uint8Array()))

/** What a parser gives, or the code of the RegistryError that it threw; anything else that is thrown fails the test. */
function outcome<Result>(parse: () => Result): Result | { readonly code: string } {
  try {
    return parse()
  } catch (error) {
    if (error instanceof RegistryError) return { code: error.code }
    throw error
  }
}

/** Any value that a header may have on its way into the registry. */
function headerValues(): fc.Arbitrary<string> {
  const characters = fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f)
  return fc.array(characters, { maxLength: 30 }).map((codes) => String.fromCharCode(...codes).trim())
}

function isDigits(text: string): boolean {
  return text !== '' && [...text].every((character) => '0123456789'.includes(character))
}

/** Numbers of which the small ones are frequent, and the large ones are beyond what a number can hold. */
const numbers = fc.oneof(
  fc.nat(12).map(String),
  fc.nat().map(String),
  fc.constantFrom('', '00', '9'.repeat(20), '9'.repeat(400), 'x', '-1', '+1', '1.0'),
)

function rangesIn(wanted: RequestedRange): readonly BodyRange[] {
  if (wanted.kind === 'one') return [wanted.range]
  return wanted.kind === 'several' ? wanted.ranges : []
}

describe('Range', () => {
  const SIZES = fc.nat(12)
  const specs = fc.tuple(numbers, fc.constantFrom('-', ' - ', '', '--'), numbers).map((parts) => parts.join(''))
  const wellFormed = fc.array(
    fc.tuple(fc.nat(14), fc.option(fc.nat(14))).map(([first, last]) => `${first}-${last ?? ''}`),
    { minLength: 1, maxLength: 4 },
  )
  const headers = fc.oneof(
    fc
      .tuple(fc.constantFrom('bytes=', 'Bytes = ', 'bytes', 'items='), fc.array(specs, { maxLength: 4 }))
      .map(([unit, list]) => unit + list.join(', ')),
    wellFormed.map((list) => `bytes=${list.join(',')}`),
    headerValues(),
  )

  /** The positions that one spec selects (RFC 9110 section 14.1.2), found by looking at each; undefined when it is malformed. */
  function positionsOf(spec: string, size: number): readonly number[] | undefined {
    const [first = '', last = '', ...rest] = spec.split('-').map((part) => part.trim())
    const isNumber = (text: string) => text === '' || isDigits(text)
    if (!spec.includes('-') || rest.length > 0 || !isNumber(first) || !isNumber(last) || first + last === '') return undefined
    const all = Array.from({ length: size }, (_, position) => position)
    if (first === '') return all.filter((position) => BigInt(position) >= BigInt(size) - BigInt(last))
    return all.filter((position) => BigInt(position) >= BigInt(first) && (last === '' || BigInt(position) <= BigInt(last)))
  }

  function expected(header: string, size: number): readonly (readonly number[])[] | 'whole' | 'unsatisfiable' {
    const [unit = '', ...lists] = header.split('=')
    if (size === 0 || unit.trim().toLowerCase() !== 'bytes' || lists.length !== 1) return 'whole'
    const listed = (lists[0] ?? '').split(',').map((spec) => spec.trim())
    const selected = listed.filter((spec) => spec !== '').map((spec) => positionsOf(spec, size))
    if (selected.length === 0 || selected.length > MAX_RANGES || selected.includes(undefined)) return 'whole'
    const parts = selected.flatMap((positions) => (positions === undefined || positions.length === 0 ? [] : [positions]))
    if (parts.length === 0) return 'unsatisfiable'
    return parts.length > 1 && parts.flat().length > size ? 'whole' : parts
  }

  test('selects the same bytes as looking at each of them does', () => {
    const check = fc.property(headers, SIZES, (header, size) => {
      // Two headers of the name arrive joined: then the first counts, and the rule for one does not apply.
      fc.pre((header.match(/=/g)?.length ?? 0) < 2)

      const wanted = requestedRange(new Headers({ range: header }), ETAG, size)

      const positions = rangesIn(wanted).map(({ start, end }) => Array.from({ length: end - start }, (_, index) => start + index))
      const selects = wanted.kind === 'one' || wanted.kind === 'several' ? positions : wanted.kind
      expect<unknown>(selects).toEqual(expected(header, size))
    })
    fc.assert(check, runs(5000))
  })

  test('never leads out of the body, whatever the header is', () => {
    const joined = fc.array(headers, { minLength: 1, maxLength: 3 }).map((list) => list.join(', '))
    const check = fc.property(
      joined,
      fc.option(fc.oneof(headerValues(), fc.constant(ETAG)), { nil: undefined }),
      fc.maxSafeNat(),
      (range, ifRange, size) => {
        const wanted = requestedRange(
          new Headers({ range, ...(ifRange === undefined ? {} : { 'if-range': ifRange }) }),
          ETAG,
          size,
        )

        for (const { start, end } of rangesIn(wanted)) {
          expect(Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start < end && end <= size).toBe(true)
          expect(contentRange({ start, end }, size)).toBe(`bytes ${start}-${end - 1}/${size}`)
        }
      },
    )
    fc.assert(check, runs(3000))
  })
})

describe('Content-Range and Content-Length of a chunk', () => {
  const ranges = fc
    .tuple(
      fc.constantFrom('', 'bytes ', 'bytes=', 'Bytes ', ' ', 'items '),
      numbers,
      fc.constantFrom('-', '', '--', ' - '),
      numbers,
      fc.constantFrom('', '/12', '/*', '/', '/x'),
    )
    .map((parts) => parts.join(''))

  /** First and last position, read without a pattern; undefined when it is malformed. */
  function positions(text: string): readonly [number, number] | undefined {
    let rest = text.trim()
    for (const unit of ['bytes ', 'bytes=']) if (rest.toLowerCase().startsWith(unit)) rest = rest.slice(unit.length)
    const [range = '', ...totals] = rest.split('/')
    const [first = '', last = '', ...more] = range.split('-')
    const isTotal = totals.length === 0 || (totals.length === 1 && (totals[0] === '*' || isDigits(totals[0] ?? '')))
    const isRange = isDigits(first) && isDigits(last) && more.length === 0
    if (!isTotal || !isRange || Number(first) > Number.MAX_SAFE_INTEGER || Number(last) > Number.MAX_SAFE_INTEGER)
      return undefined
    return [Number(first), Number(last)]
  }

  test('tell where a chunk starts and how long it is, or are refused; without a byte the range tells nothing', () => {
    const check = fc.property(fc.oneof(ranges, headerValues()), fc.option(fc.nat(12), { nil: undefined }), (range, length) => {
      const headers = { 'content-range': range, ...(length === undefined ? {} : { 'content-length': String(length) }) }
      const chunk = outcome(() => incomingChunk(new Request('http://invalid/', { method: 'PATCH', headers, body: 'x' })))

      const [first, last] = positions(range) ?? []
      if (length === 0) expect(chunk).toMatchObject({ start: undefined, length: 0 })
      else if (range.trim() === '') expect(chunk).toMatchObject({ start: undefined, length })
      else if (first === undefined || last === undefined) expect(chunk).toEqual({ code: 'SIZE_INVALID' })
      else if (last < first) expect(chunk).toEqual({ code: 'RANGE_INVALID' })
      else if (length !== undefined && length !== last - first + 1) expect(chunk).toEqual({ code: 'SIZE_INVALID' })
      else expect(chunk).toMatchObject({ start: first, length: last - first + 1 })
    })
    fc.assert(check, runs(5000))
  })

  test('a Content-Length is a number of bytes in decimal, or refused', () => {
    const lengths = fc.oneof(numbers, fc.constantFrom('0x10', '1e3', '1_0', 'Infinity', '0b1', '٣'), headerValues())
    const check = fc.property(lengths, (text) => {
      const length = outcome(() => contentLength(new Headers({ 'content-length': Buffer.from(text).toString('latin1').trim() })))

      const isLength = isDigits(text) && Number(text) <= Number.MAX_SAFE_INTEGER
      expect(length).toEqual(isLength ? Number(text) : { code: 'SIZE_INVALID' })
    })
    fc.assert(check, runs(2000))
  })
})

describe('If-None-Match', () => {
  const others = fc.constantFrom<string>('"sha256:other"', 'W/"x"', 'x', '""', `${ETAG.slice(0, -1)}0"`)
  const same = fc.constantFrom<string>(ETAG, `W/${ETAG}`, ETAG.replaceAll('"', ''), '*')
  const separators = fc.constantFrom(',', ', ', ' ,  ')

  test('matches when the validator is anywhere in it, and only then', () => {
    const check = fc.property(
      fc.array(others, { maxLength: 4 }),
      fc.option(same),
      fc.nat(4),
      separators,
      (list, wanted, at, separator) => {
        const validators = wanted === null ? list : list.toSpliced(at, 0, wanted)
        const headers = new Headers({ 'if-none-match': validators.join(separator) })

        expect(isNotModified(headers, ETAG)).toBe(wanted !== null)
      },
    )
    fc.assert(check, runs(1000))
  })

  test('may be anything', () => {
    const check = fc.property(headerValues(), (value) => {
      expect(typeof isNotModified(new Headers({ 'if-none-match': value }), ETAG)).toBe('boolean')
    })
    fc.assert(check, runs(1000))
  })
})

test('Content-Type is one media type, however often, in lower case without its parameters, or refused', () => {
  const check = fc.property(
    fc.oneof(headerValues(), fc.constantFrom('A/B; c=d', 'a/b, c/d', '', ';', 'a/b;charset=utf-8, x')),
    (value) => {
      const declared = outcome(() => declaredMediaType(new Headers({ 'content-type': value })))

      const [mediaType = ''] = value.toLowerCase().split(';')
      const [first, ...others] = new Set(mediaType.split(',').map((one) => one.trim()))
      const expected = others.length > 0 ? { code: 'MANIFEST_INVALID' } : first || undefined
      expect<unknown>(declared).toEqual(expected)
    },
  )
  fc.assert(check, runs(2000))
})

describe('pagination', () => {
  test('n is a whole number, cut at the most that one page has, or refused', () => {
    const check = fc.property(fc.oneof(numbers, fc.string()), fc.integer({ min: 1, max: 1000 }), (text, max) => {
      const count = outcome(() => requestedCount(new URLSearchParams({ n: text }), max))

      const cut = () => (BigInt(text) > BigInt(max) ? max : Number(text))
      const expected = isDigits(text) ? cut() : { code: 'PAGINATION_NUMBER_INVALID' }
      expect<unknown>(count).toEqual(text === '' ? undefined : expected)
    })
    fc.assert(check, runs(2000))
  })

  test('last may be any text', () => {
    const check = fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(lastEntry(new URLSearchParams({ last: text }))).toBe(text === '' ? undefined : text)
    })
    fc.assert(check, runs(1000))
  })

  test('a Link keeps every parameter, and is a header that nothing in it ends', () => {
    const check = fc.property(
      fc.string({ unit: 'binary' }),
      fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
      fc.nat(),
      (last, artifactType, n) => {
        const link = nextLink('/v2/a/tags/list', { artifactType, last, n })

        expect(new Headers({ link }).get('link')).toBe(link)
        const [target = '', ...rest] = link.slice(1).split('>')
        expect(rest).toEqual(['; rel="next"'])
        const query = new URL(target, 'http://invalid').searchParams
        expect(query.get('last')).toBe(last)
        expect(query.get('artifactType') ?? undefined).toBe(artifactType)
        expect(query.get('n')).toBe(String(n))
      },
    )
    fc.assert(check, runs(2000))
  })
})
