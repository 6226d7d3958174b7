import { expect, test } from 'bun:test'
import { findTcpAddress, isLoopback } from './listen-address.ts'

test.each([
  [':5000', undefined, 5000],
  ['127.0.0.1:0', '127.0.0.1', 0],
  ['localhost:5000', 'localhost', 5000],
  ['[::1]:443', '::1', 443],
  ['registry.example.com:65535', 'registry.example.com', 65_535],
])('%s is an address', (text, hostname, port) => {
  expect(findTcpAddress(text)).toEqual({ kind: 'tcp', hostname, port })
})

test.each(['', '5000', 'localhost', ':', ':65536', ':-1', '::1:443', 'http://localhost:5000', 'a b:1'])(
  '%p is not an address',
  (text) => {
    expect(findTcpAddress(text)).toBeUndefined()
  },
)

test('an address is loopback when no other machine can reach it', () => {
  const loopback = (hostname: string | undefined) => isLoopback({ kind: 'tcp', hostname, port: 5000 })

  expect([loopback('127.0.0.1'), loopback('localhost'), loopback('::1')]).toEqual([true, true, true])
  expect([loopback(undefined), loopback('0.0.0.0'), loopback('10.0.0.1'), loopback('::')]).toEqual([false, false, false, false])
  expect(isLoopback({ kind: 'unix', path: '/run/berth.sock' })).toBe(true)
})
