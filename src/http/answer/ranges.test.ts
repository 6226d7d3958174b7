import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type BodyRange, contentRange, MAX_RANGES, type RequestedRange, requestedRange } from './ranges.ts'

const ETAG = '"sha256:abc"'

function asked(range: string, size = 100, ifRange?: string): RequestedRange {
  const headers = new Headers({ Range: range })
  if (ifRange !== undefined) headers.set('If-Range', ifRange)
  return requestedRange(headers, ETAG, size)
}

function one(start: number, end: number): RequestedRange {
  return { kind: 'one', range: { start, end } }
}

function partsOf(range: RequestedRange): readonly BodyRange[] {
  if (range.kind === 'one') return [range.range]
  return range.kind === 'several' ? range.ranges : []
}

describe('Range (RFC 9110 section 14)', () => {
  test.each([
    ['bytes=0-', one(0, 100)],
    ['bytes=0-9', one(0, 10)],
    ['bytes=99-', one(99, 100)],
    ['bytes=0-1000', one(0, 100)],
    ['bytes=0-99999999999999999999999', one(0, 100)],
    ['bytes=-5', one(95, 100)],
    ['bytes=-500', one(0, 100)],
    ['bytes=-99999999999999999999999', one(0, 100)],
    ['BYTES = 0 - 9', one(0, 10)],
    ['bytes=0-9,', one(0, 10)],
    ['bytes=0-9,200-300', one(0, 10)],
  ])('%s asks for one part', (range, expected) => {
    expect(asked(range)).toEqual(expected)
  })

  test.each(['bytes=100-', 'bytes=200-300', 'bytes=-0', 'bytes=9-5', 'bytes=500-0', 'bytes=99999999999999999999999-'])(
    '%s cannot be satisfied',
    (range) => {
      expect(asked(range)).toEqual({ kind: 'unsatisfiable' })
    },
  )

  test.each([
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'bytes=+1-5',
    'bytes=0x1-5',
    'bytes=1-2-3',
    'bytes=0-9,x',
    'bytes 0-9',
    'items=0-9',
    '',
  ])('%p is malformed or of another unit and means the whole', (range) => {
    expect(asked(range)).toEqual({ kind: 'whole' })
  })

  test('several ranges keep their order and their number', () => {
    const ranges = [
      { start: 50, end: 60 },
      { start: 0, end: 10 },
      { start: 5, end: 8 },
    ]

    expect(asked('bytes=50-59, 0-9, 5-7')).toEqual({ kind: 'several', ranges })
  })

  test('more bytes than the whole, or too many ranges, mean the whole', () => {
    expect(asked('bytes=0-99,0-0')).toEqual({ kind: 'whole' })
    expect(asked(`bytes=${Array.from({ length: MAX_RANGES }, (_, at) => `${at}-${at}`).join(',')}`, 5000).kind).toBe('several')
    expect(asked(`bytes=${Array.from({ length: MAX_RANGES + 1 }, (_, at) => `${at}-${at}`).join(',')}`, 5000)).toEqual({
      kind: 'whole',
    })
  })

  test('of a repeated header the first counts', () => {
    expect(asked('bytes=0-9, bytes=20-29')).toEqual(one(0, 10))
  })

  test('an empty body has no parts', () => {
    expect(asked('bytes=0-', 0)).toEqual({ kind: 'whole' })
    expect(asked('bytes=5-', 0)).toEqual({ kind: 'whole' })
  })

  test('If-Range lets the range count only while the body is the same', () => {
    expect(asked('bytes=0-9', 100, ETAG)).toEqual(one(0, 10))
    expect(asked('bytes=0-9', 100, '"sha256:other"')).toEqual({ kind: 'whole' })
    expect(asked('bytes=0-9', 100, `W/${ETAG}`)).toEqual({ kind: 'whole' })
    expect(asked('bytes=0-9', 100, 'Wed, 21 Oct 2015 07:28:00 GMT')).toEqual({ kind: 'whole' })
  })

  test('without a Range header it is the whole', () => {
    expect(requestedRange(new Headers(), ETAG, 100)).toEqual({ kind: 'whole' })
  })

  test('whatever is asked, every part lies within the body and all of them are no more than it', () => {
    const spec = fc.tuple(fc.option(fc.nat(300), { nil: '' }), fc.option(fc.nat(300), { nil: '' })).map(([a, b]) => `${a}-${b}`)
    const header = fc.oneof(
      fc.array(spec, { maxLength: 6 }).map((specs) => `bytes=${specs.join(',')}`),
      fc.stringMatching(/^[ -~]*$/),
    )

    fc.assert(
      fc.property(header, fc.nat(200), (range, size) => {
        const parts = partsOf(asked(range, size))
        for (const { start, end } of parts) expect(start >= 0 && start < end && end <= size).toBe(true)
        expect(parts.reduce((total, { start, end }) => total + end - start, 0)).toBeLessThanOrEqual(size)
      }),
    )
  })

  test('Content-Range names the first byte, the last byte and the size', () => {
    expect(contentRange({ start: 5, end: 10 }, 100)).toBe('bytes 5-9/100')
  })
})
