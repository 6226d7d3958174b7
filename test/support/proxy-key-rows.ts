import type { Config } from '../../src/config/config.ts'

const HUB = 'https://registry-1.docker.io'
const PROXY = { url: HUB, credentials: undefined, tagsFreshMs: 0 }

/** The keys below `proxy`, with what stands around each, and what becomes of it. */
export const PROXY_ROWS = [
  ['proxy.remoteurl', { proxy: { remoteurl: `${HUB}/` } }, proxy, PROXY],
  ['proxy.username', { proxy: { remoteurl: HUB, username: 'a' } }, credentials, ['a', '']],
  ['proxy.password', { proxy: { remoteurl: HUB, username: 'a', password: '007' } }, credentials, ['a', '007']],
  ['proxy.tagttl', { proxy: { remoteurl: HUB, tagttl: '5m' } }, proxy, { ...PROXY, tagsFreshMs: 300_000 }],
] as const

function proxy({ proxy }: Config) {
  return proxy
}

function credentials({ proxy }: Config) {
  return [proxy?.credentials?.username, proxy?.credentials?.password.reveal()]
}
