import type { Config } from '../../src/config/config.ts'

const HUB = 'https://registry-1.docker.io'
const WEEK_MS = 604_800_000
const LIMITS = { sizeBytes: undefined, unusedMs: WEEK_MS, keep: [] }
const PROXY = {
  url: HUB,
  credentials: undefined,
  helper: undefined,
  authorities: undefined,
  httpProxy: undefined,
  tagsFreshMs: 0,
  limits: LIMITS,
}

const HELPER = [{ command: 'x', lifetimeMs: undefined }, undefined] as const

/** The keys below `proxy`, with what stands around each, and what becomes of it. */
export const PROXY_ROWS = [
  ['proxy.remoteurl', { proxy: { remoteurl: `${HUB}/` } }, proxy, PROXY],
  ['proxy.username', { proxy: { remoteurl: HUB, username: 'a' } }, credentials, ['a', '']],
  ['proxy.password', { proxy: { remoteurl: HUB, username: 'a', password: '007' } }, credentials, ['a', '007']],
  ['proxy.exec.command', { proxy: { remoteurl: HUB, username: 'a', exec: { command: 'x' } } }, helper, HELPER],
  [
    'proxy.exec.lifetime',
    { proxy: { remoteurl: HUB, exec: { command: 'x', lifetime: '1h' } } },
    helper,
    [{ ...HELPER[0], lifetimeMs: 3_600_000 }, undefined],
  ],
  ['proxy.ca', { proxy: { remoteurl: HUB, ca: '/ca.crt' } }, proxy, { ...PROXY, authorities: '/ca.crt' }],
  ['proxy.httpproxy', { proxy: { remoteurl: HUB, httpproxy: 'none' } }, ({ proxy }: Config) => proxy?.httpProxy, 'none'],
  ['proxy.tagttl', { proxy: { remoteurl: HUB, tagttl: '5m' } }, proxy, { ...PROXY, tagsFreshMs: 300_000 }],
  ['proxy.ttl', { proxy: { remoteurl: HUB, ttl: '1h' } }, unused, 3_600_000],
  ['proxy.size', { proxy: { remoteurl: HUB, size: '1GB' } }, size, 1_000_000_000],
  ['proxy.keep', { proxy: { remoteurl: HUB, keep: ['library/*'] } }, keep, ['library/*']],
] as const

function proxy({ proxy }: Config) {
  return proxy
}

function unused({ proxy }: Config) {
  return proxy?.limits.unusedMs
}

function size({ proxy }: Config) {
  return proxy?.limits.sizeBytes
}

function keep({ proxy }: Config) {
  return proxy?.limits.keep.map(String)
}

function helper({ proxy }: Config) {
  return [proxy?.helper, proxy?.credentials]
}

function credentials({ proxy }: Config) {
  return [proxy?.credentials?.username, proxy?.credentials?.password.reveal()]
}
