import { expect, test } from 'bun:test'
import { parseTraceparent } from './trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

test.each([
  ['01', true],
  ['00', false],
  ['03', true],
])('a traceparent with flags %s says whether its trace is sampled', (flags, isSampled) => {
  expect(parseTraceparent(`00-${TRACE}-${SPAN}-${flags}`)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled })
})

test('a later version may carry more', () => {
  expect(parseTraceparent(`01-${TRACE}-${SPAN}-01-more`)).toBeDefined()
})

test.each([
  [null],
  [''],
  [`00-${TRACE}-${SPAN}`],
  [`00-${TRACE}-${SPAN}-01-more`],
  [`ff-${TRACE}-${SPAN}-01`],
  [`00-${'0'.repeat(32)}-${SPAN}-01`],
  [`00-${TRACE}-${'0'.repeat(16)}-01`],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`],
])('%s is not valid, and a new trace begins', (text) => {
  expect(parseTraceparent(text)).toBeUndefined()
})
