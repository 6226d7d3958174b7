import { expect, test } from 'bun:test'
import { findByteCount } from './byte-count.ts'

test.each([
  ['0', 0],
  ['1048576', 1_048_576],
  ['20MB', 20_000_000],
  ['500 kB', 500_000],
  ['1GiB', 1_073_741_824],
  ['20', 20],
])('%s is %d bytes', (text, bytes) => {
  expect(findByteCount(text)).toBe(bytes)
})

test.each(['', 'MB', '-1', '1.5MB', '20mb', '20Mbit', '9999999999GB', '1 0'])('%j is no number of bytes', (text) => {
  expect(findByteCount(text)).toBeUndefined()
})
