import type { Config } from '../../src/config/config.ts'
import type { MirrorConfig } from '../../src/config/schema/upstream/upstream-config.ts'

const MIRROR = { prefix: 'hub', url: 'https://hub.example.com', public: true }
const SHOWN = { ...MIRROR, username: 'a', password: '007' }
const HELPED = { ...MIRROR, exec: { command: 'x', lifetime: '1h' } }

const RULE = {
  repositories: ['team/*'],
  tags: ['v*', 'semver:1', 'newest:2'],
  every: '6h',
  platforms: ['linux/arm64'],
  rate: '20MB',
}
const SYNCED = { ...MIRROR, sync: RULE }

/** The keys below `mirrors`, with what stands around each, and what becomes of it. */
export const MIRROR_ROWS = [
  ['mirrors', { mirrors: [MIRROR] }, ({ mirrors }: Config) => mirrors.length, 1],
  ['mirrors[].prefix', { mirrors: [MIRROR] }, of(({ prefix }) => String(prefix)), 'hub'],
  ['mirrors[].url', { mirrors: [MIRROR] }, of(({ urls }) => urls), ['https://hub.example.com']],
  ['mirrors[].username', { mirrors: [SHOWN] }, of(({ credentials }) => credentials?.username), 'a'],
  ['mirrors[].password', { mirrors: [SHOWN] }, of(({ credentials }) => credentials?.password.reveal()), '007'],
  ['mirrors[].exec.command', { mirrors: [HELPED] }, of(({ helper }) => helper?.command), 'x'],
  ['mirrors[].exec.lifetime', { mirrors: [HELPED] }, of(({ helper }) => helper?.lifetimeMs), 3_600_000],
  ['mirrors[].ca', { mirrors: [{ ...MIRROR, ca: '/ca.crt' }] }, of(({ authorities }) => authorities), '/ca.crt'],
  [
    'mirrors[].httpproxy',
    { mirrors: [{ ...MIRROR, httpproxy: 'http://a:b@proxy:3128' }] },
    of(({ httpProxy }) => httpProxy !== 'none' && httpProxy?.reveal()),
    'http://a:b@proxy:3128/',
  ],
  [
    'mirrors[].repositories',
    { mirrors: [{ ...MIRROR, repositories: ['team/*'] }] },
    of(({ repositories }) => repositories.map(String)),
    ['team/*'],
  ],
  ['mirrors[].ttl', { mirrors: [{ ...MIRROR, ttl: '6h' }] }, of(({ tagsFreshMs }) => tagsFreshMs), 21_600_000],
  ['mirrors[].size', { mirrors: [{ ...MIRROR, size: '1GiB' }] }, of(({ limits }) => limits.sizeBytes), 2 ** 30],
  ['mirrors[].unused', { mirrors: [{ ...MIRROR, unused: '30d' }] }, of(({ limits }) => limits.unusedMs), 2_592_000_000],
  ['mirrors[].keep', { mirrors: [{ ...MIRROR, keep: ['team/*'] }] }, of(({ limits }) => limits.keep.map(String)), ['team/*']],
  ['mirrors[].sync.repositories', { mirrors: [SYNCED] }, of(({ sync }) => sync?.repositories.map(String)), ['team/*']],
  [
    'mirrors[].sync.tags',
    { mirrors: [SYNCED] },
    of(({ sync }) => sync?.tags.map(({ text }) => text)),
    ['v*', 'semver:1', 'newest:2'],
  ],
  ['mirrors[].sync.every', { mirrors: [SYNCED] }, of(({ sync }) => sync?.everyMs), 21_600_000],
  [
    'mirrors[].sync.platforms',
    { mirrors: [SYNCED] },
    of(({ sync }) => sync?.platforms),
    [{ os: 'linux', architecture: 'arm64' }],
  ],
  ['mirrors[].sync.rate', { mirrors: [SYNCED] }, of(({ sync }) => sync?.bytesPerSecond), 20_000_000],
  ['mirrors[].default', { mirrors: [{ ...MIRROR, default: true }] }, of(({ isDefault }) => isDefault), true],
  ['mirrors[].offline', { mirrors: [{ ...MIRROR, offline: true }] }, of(({ isOffline }) => isOffline), true],
  ['mirrors[].public', { mirrors: [SHOWN] }, of(({ credentials }) => credentials?.username), 'a'],
] as const

function of<Value>(read: (mirror: MirrorConfig) => Value) {
  return ({ mirrors: [first] }: Config): Value | undefined => first && read(first)
}
