import { expect, test } from 'bun:test'
import { findAddressRange, PRIVATE_RANGES } from './address-range.ts'

test.each([
  ['192.0.2.0/24', { address: '192.0.2.0', family: 'ipv4', prefix: 24 }],
  ['192.0.2.7', { address: '192.0.2.7', family: 'ipv4', prefix: 32 }],
  ['0.0.0.0/0', { address: '0.0.0.0', family: 'ipv4', prefix: 0 }],
  ['2001:db8::/32', { address: '2001:db8::', family: 'ipv6', prefix: 32 }],
  ['::1', { address: '::1', family: 'ipv6', prefix: 128 }],
] as const)('%s is a range of addresses', (text, range) => {
  expect(findAddressRange(text)).toEqual(range)
})

test.each(['', 'proxy.example.com', '192.0.2.0/33', '192.0.2/24', '2001:db8::/129', '192.0.2.0/', '192.0.2.0/-1', '[::1]'])(
  '%s is none',
  (text) => {
    expect(findAddressRange(text)).toBeUndefined()
  },
)

test('every private range is one', () => {
  expect(PRIVATE_RANGES).toHaveLength(9)
})
