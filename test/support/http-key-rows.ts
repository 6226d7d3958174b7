import type { Config } from '../../src/config/config.ts'
import { findAddressRange } from '../../src/config/words/address-range.ts'

/** Rows of the keys below `http`: the key, what stands there, and what becomes of it. */
export const HTTP_ROWS: readonly (readonly [
  key: string,
  value: unknown,
  read: (config: Config) => unknown,
  expected: unknown,
])[] = [
  ['http.addr', '[::1]:80', ({ http }) => http.listen, { kind: 'tcp', hostname: '::1', port: 80 }],
  ['http.prefix', '/a/', ({ http }) => http.prefix, '/a'],
  ['http.headers', { 'X-A': ['b', 'c'] }, ({ http }) => http.headers, { 'X-A': ['b', 'c'] }],
  [
    'http.trustedproxies',
    ['192.0.2.0/24'],
    ({ http }) => http.trustedProxies,
    { ranges: [findAddressRange('192.0.2.0/24')], areNamed: true },
  ],
  ['http.trustedproxies', ['none'], ({ http }) => http.trustedProxies, { ranges: [], areNamed: true }],
  ['http.draintimeout', '1m', ({ http }) => http.drainTimeoutMs, 60_000],
  ['http.idle.reader', '5m', ({ http }) => http.idle.readerMs, 300_000],
  ['http.idle.writer', '0', ({ http }) => http.idle.writerMs, Number.POSITIVE_INFINITY],
  ['http.connections.total', 7, ({ http }) => http.connections.total, 7],
  ['http.connections.peraddress', '0', ({ http }) => http.connections.perAddress, Number.POSITIVE_INFINITY],
  ['http.debug.addr', ':1', ({ http }) => http.debug.listen, { kind: 'tcp', hostname: undefined, port: 1 }],
  ['http.debug.prometheus.enabled', true, ({ http }) => http.debug.prometheus.enabled, true],
  ['http.debug.prometheus.path', '/m', ({ http }) => http.debug.prometheus.path, '/m'],
]
