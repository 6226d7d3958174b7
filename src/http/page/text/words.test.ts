import { expect, test } from 'bun:test'
import { agoText, listText, shortDigest, sizeText, timeOf } from './words.ts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [9_949, '9.9 kB'],
  [9_950, '10 kB'],
  [999_499, '999 kB'],
  [999_500, '1.0 MB'],
  [84_000_000, '84 MB'],
  [3_140_000_000, '3.1 GB'],
  [Number.MAX_SAFE_INTEGER, '9.0 PB'],
])('%d bytes are %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text)
})

const NOW = Date.parse('2026-06-15T12:00:00Z')
const SECOND = 1000
const HOUR = 3_600 * SECOND

test.each([
  [0, 'just now'],
  [59 * SECOND, 'just now'],
  [60 * SECOND, 'a minute ago'],
  [150 * SECOND, '2 minutes ago'],
  [HOUR, 'an hour ago'],
  [3 * HOUR, '3 hours ago'],
  [24 * HOUR, 'yesterday'],
  [49 * HOUR, '2 days ago'],
  [31 * 24 * HOUR, 'a month ago'],
  [800 * 24 * HOUR, '2 years ago'],
  [-30 * SECOND, 'just now'],
  [-48 * HOUR, '2026-06-17'],
])('%d ms before now is told as %s', (before, text) => {
  expect(agoText(NOW - before, NOW)).toBe(text)
})

test('a time has the exact one in its title; one that no calendar has is none', () => {
  expect(`${timeOf(NOW - 3 * HOUR, NOW)}`).toBe(
    '<time datetime="2026-06-15T09:00:00.000Z" title="2026-06-15 09:00:00 UTC">3 hours ago</time>',
  )
  for (const ms of [null, undefined, -1, Number.MAX_SAFE_INTEGER]) expect(timeOf(ms, NOW)).toBeUndefined()
})

test('a digest is told by its first letters, and a long list by its first entries', () => {
  expect(shortDigest(`sha256:0123456789ab${'c'.repeat(52)}`)).toBe('0123456789ab')
  expect(listText(['a', 'b'], 2)).toBe('a, b')
  expect(listText(['a', 'b', 'c', 'd'], 2)).toBe('a, b and 2 more')
})
