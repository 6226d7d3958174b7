import { expect, test } from 'bun:test'
import { findByteSize } from './byte-size.ts'

test.each([
  ['0', 0],
  ['1500', 1500],
  ['10GB', 10_000_000_000],
  ['10 gb', 10_000_000_000],
  ['1.5TB', 1_500_000_000_000],
  ['10GiB', 10 * 2 ** 30],
  ['512KiB', 512 * 1024],
])('%s is %d bytes', (text, bytes) => {
  expect(findByteSize(text)).toBe(bytes)
})

test.each(['', 'GB', '-1GB', '10G', '1e9', '1,5GB', '10 GB more', '9999999PB', 'ten', '1.GB'])('%j is no size', (text) => {
  expect(findByteSize(text)).toBeUndefined()
})
