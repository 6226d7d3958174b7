import { expect, test } from 'bun:test'
import { areHeadersTooLarge, MOST_HEADER_BYTES } from './header-size.ts'

const REQUEST_LINE = { method: 'GET', url: 'http://localhost/v2/' }
/** The parser takes no more. */
const MOST_HEADERS = 100

test.each<[string, (bytes: number) => Record<string, string>]>([
  ['one that Bun knows by name', (bytes) => ({ Authorization: 'x'.repeat(bytes - 'authorization: \r\n'.length) })],
  ['one of another name', (bytes) => ({ 'X-Token': 'x'.repeat(bytes - 'x-token: \r\n'.length) })],
  ['one that is a name alone', (bytes) => ({ ['x'.repeat(bytes - ': \r\n'.length)]: '' })],
  ['one of bytes beyond ASCII', (bytes) => ({ 'User-Agent': 'é'.repeat(bytes - 'user-agent: \r\n'.length) })],
  ['as many as there may be', (bytes) => spread(bytes)],
])('headers are too large beyond 64 KiB, and not before: %s', (_, make) => {
  const left = MOST_HEADER_BYTES - REQUEST_LINE.method.length - REQUEST_LINE.url.length

  expect(areHeadersTooLarge({ ...REQUEST_LINE, headers: new Headers(make(left)) })).toBe(false)
  expect(areHeadersTooLarge({ ...REQUEST_LINE, headers: new Headers(make(left + 1)) })).toBe(true)
})

test('the URL counts', () => {
  const url = `http://localhost/${'x'.repeat(MOST_HEADER_BYTES)}`

  expect(areHeadersTooLarge({ method: 'GET', url, headers: new Headers() })).toBe(true)
})

/** `bytes` in all, in headers of the same length but for the last one. */
function spread(bytes: number): Record<string, string> {
  const each = Math.floor(bytes / MOST_HEADERS)
  const lengths = Array.from({ length: MOST_HEADERS }, (_, at) => (at === 0 ? bytes - each * (MOST_HEADERS - 1) : each))
  return Object.fromEntries(
    lengths.map((length, at) => [`x-${String(at).padStart(3, '0')}`, 'x'.repeat(length - 'x-000: \r\n'.length)]),
  )
}
