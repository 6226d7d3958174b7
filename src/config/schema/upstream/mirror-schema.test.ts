import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { ConfigError } from '../../config-error.ts'
import { type Examined, examineConfig } from '../../load-config.ts'

const HUB = { prefix: 'docker.io', url: 'https://registry-1.docker.io' }
const QUAY = { prefix: 'quay', url: 'https://quay.io' }
const SECRET = { username: 'robot', password: 'hush' }
const EVERY_CALLER = 'would let every caller pull what it can pull there'

function examined(mirrors: readonly object[], more: object = {}): Examined {
  const folder = mkdtempSync(join(tmpdir(), 'berth-mirrors-'))
  try {
    const path = join(folder, 'config.yml')
    writeFileSync(path, stringify({ version: '0.1', storage: { inmemory: {} }, mirrors, ...more }))
    return examineConfig({ path, environment: {} })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Key and message of each. */
function problems(mirrors: readonly object[], more: object = {}): string[] {
  const { outcome } = examined(mirrors, more)
  return outcome instanceof ConfigError ? outcome.problems.map(({ path, message }) => `${path} ${message}`) : []
}

describe('section mirrors', () => {
  test('takes one address or several, and what is left out is the usual', () => {
    const { outcome, notices } = examined([{ ...HUB, url: ['https://near.example.com/', HUB.url] }, QUAY])

    expect(outcome).toMatchObject({
      mirrors: [
        {
          ...{ prefix: 'docker.io', urls: ['https://near.example.com', HUB.url], repositories: [], tagsFreshMs: 0 },
          ...{ credentials: undefined, helper: undefined, authorities: undefined, httpProxy: undefined },
          ...{ isDefault: false, isOffline: false },
        },
        { prefix: 'quay', urls: ['https://quay.io'] },
      ],
    })
    expect(notices).toEqual([])
  })

  test('has no limit but those that are set, and none while it is offline', () => {
    const limited = { ...QUAY, size: '1.5GB', unused: '30d', keep: ['team/*'] }
    const limitsOf = (mirror: object) => {
      const { outcome } = examined([mirror])
      const { sizeBytes, unusedMs, keep } = outcome instanceof ConfigError ? {} : (outcome.mirrors[0]?.limits ?? {})
      return [sizeBytes, unusedMs, keep?.map(String)]
    }

    expect(limitsOf(QUAY)).toEqual([undefined, undefined, []])
    expect(limitsOf(limited)).toEqual([1_500_000_000, 2_592_000_000, ['team/*']])
    expect(limitsOf({ ...limited, offline: true })).toEqual([undefined, undefined, []])
    expect(problems([{ ...QUAY, size: 'much', unused: '0', keep: ['A*'] }])).toEqual([
      expect.stringContaining('mirrors.0.size is not a size'),
      expect.stringContaining('mirrors.0.unused is not allowed'),
      expect.stringContaining('mirrors.0.keep.0 is not a pattern'),
    ])
  })

  test('says what is brought before a client asks, and what of that could never come', () => {
    const rule = { repositories: ['team/*', 'lib/tool'], tags: ['v*', 'semver:1'], platforms: ['linux/arm/v7'], rate: '1MB' }
    const { outcome } = examined([{ ...QUAY, sync: rule }])

    expect(outcome instanceof ConfigError ? outcome.message : outcome.mirrors[0]?.sync).toMatchObject({
      ...{ everyMs: 86_400_000, bytesPerSecond: 1_000_000 },
      platforms: [{ os: 'linux', architecture: 'arm', variant: 'v7' }],
    })
    expect(problems([{ ...QUAY, repositories: ['team/**'], sync: rule, offline: true }])).toEqual([
      expect.stringContaining('mirrors.0.sync could never bring anything, because the mirror is offline'),
      'mirrors.0.sync.repositories names lib/tool, which repositories of the mirror leaves out',
    ])
    expect(problems([{ ...QUAY, sync: { rate: '1MB' } }])).toEqual([
      expect.stringContaining('mirrors.0.sync.repositories names nothing'),
    ])
    expect(
      problems([{ ...QUAY, sync: { repositories: ['A'], tags: ['semver:latest'], platforms: ['arm'], every: 'soon' } }]),
    ).toEqual([
      expect.stringContaining('mirrors.0.sync.repositories.0 is not a pattern'),
      expect.stringContaining('mirrors.0.sync.tags.0 is no pattern for tags'),
      expect.stringContaining('mirrors.0.sync.platforms.0 is no platform'),
      expect.stringContaining('mirrors.0.sync.every is not allowed'),
    ])
  })

  test('names every mistake, each at its key', () => {
    const mistakes = [
      { prefix: 'Docker.io', url: 'https://hub.example.com/v2' },
      { ...QUAY, urls: 'https://quay.io', ttl: 'soon', repositories: ['A*'] },
      { url: 'https://a.example.com' },
    ]

    expect(problems(mistakes)).toEqual([
      'mirrors.2.prefix must be set',
      expect.stringContaining('mirrors.0.prefix can be no beginning of a repository name'),
      expect.stringContaining('mirrors.0.url.0 is not the root of a registry'),
      expect.stringContaining('mirrors.1.urls is not a known key'),
      expect.stringContaining('mirrors.1.ttl is not a duration'),
      expect.stringContaining('mirrors.1.repositories.0 is not a pattern'),
    ])
    expect(problems([{ prefix: 'quay' }])).toEqual(['mirrors.0.url must be set'])
  })

  test('has no prefix twice, and none within another one', () => {
    const overlap = (one: string, other: string) =>
      problems([
        { ...HUB, prefix: one },
        { ...QUAY, prefix: other },
      ])

    expect(overlap('a', 'a')).toEqual(['mirrors.1.prefix and the prefix a of another mirror overlap; choose another one'])
    expect(overlap('a', 'a/b')).toEqual(['mirrors.1.prefix and the prefix a of another mirror overlap; choose another one'])
    expect(overlap('a/b', 'a')).toEqual(['mirrors.1.prefix and the prefix a/b of another mirror overlap; choose another one'])
    expect(overlap('a', 'ab')).toEqual([])
  })

  test('has one default at most', () => {
    const both = [HUB, QUAY].map((mirror) => ({ ...mirror, default: true }))

    expect(problems(both)).toEqual(['mirrors.1.default is true for another mirror already; leave one'])
  })

  test('lets credentials be used by every caller only where that is said', () => {
    const auth = { auth: { htpasswd: { realm: 'r', path: '/h' } } }
    const helper = { ...HUB, exec: { command: 'x' } }

    expect(problems([{ ...HUB, ...SECRET }])).toEqual([expect.stringContaining(`mirrors.0.username ${EVERY_CALLER}`)])
    expect(problems([helper])).toEqual([expect.stringContaining(`mirrors.0.exec.command ${EVERY_CALLER}`)])
    expect(
      problems([
        { ...HUB, ...SECRET, public: true },
        { ...QUAY, exec: { command: 'x' }, public: true },
      ]),
    ).toEqual([])
    expect(problems([{ ...HUB, ...SECRET }], auth)).toEqual([])
    expect(problems([{ ...HUB, ...SECRET }], { access: { rules: [] } })).toEqual([])
    expect(problems([{ ...HUB, ...SECRET }], { auth: { none: { realm: 'r' } } })).toHaveLength(1)
    expect(problems([HUB, { ...QUAY, password: 'unused' }])).toEqual([])
  })

  test('shows one password to one host: http and https, and two names, are two', () => {
    const several = (...url: string[]) => problems([{ ...HUB, url, ...SECRET, public: true }])
    const told = [expect.stringContaining('mirrors.0.username and password are for one host')]

    expect(several('https://a.example.com', 'https://b.example.com')).toEqual(told)
    expect(several('https://a.example.com', 'http://a.example.com')).toEqual(told)
    expect(several('https://a.example.com', 'https://a.example.com:8443')).toEqual([])
    expect(problems([{ ...HUB, url: ['https://a.example.com', QUAY.url], exec: { command: 'x' }, public: true }])).toEqual([])
    expect(problems([{ ...HUB, ...SECRET, exec: { command: 'x' }, public: true }])).toEqual([
      'mirrors.0.username and exec.command both give credentials; leave one of them',
    ])
  })

  test('does not go with proxy', () => {
    expect(problems([HUB], { proxy: { remoteurl: HUB.url } })).toEqual([
      expect.stringContaining('mirrors and proxy.remoteurl exclude each other'),
    ])
    expect(problems([HUB], { storage: { s3: { bucket: 'a', region: 'eu-central-1' } } })).toEqual([])
    expect(problems([], { proxy: { remoteurl: HUB.url } })).toEqual([])
  })

  test('is reached through a proxy that is an address of one, or none', () => {
    const problemOf = (httpproxy: string) => problems([{ ...HUB, httpproxy }])

    for (const right of ['none', 'http://proxy:3128', 'https://proxy.example.com/', 'http://a:b@proxy']) {
      expect(problemOf(right)).toEqual([])
    }
    for (const wrong of ['proxy:3128', 'socks5://proxy:1080', 'http://proxy/path', 'http://', 'None']) {
      expect(problemOf(wrong)).toEqual([expect.stringContaining('mirrors.0.httpproxy is not the address of a proxy')])
    }
  })

  test('tells no password to anybody', () => {
    const httpproxy = 'http://a:hush@proxy:3128'
    const { settings, notices, outcome } = examined([{ ...HUB, ...SECRET, httpproxy, ttl: 'soon' }])
    const { outcome: right } = examined([{ ...HUB, ...SECRET, httpproxy, public: true }])
    const { outcome: wrong } = examined([{ ...HUB, httpproxy: `${httpproxy}/path` }])

    expect(right).toHaveProperty('mirrors')
    expect(JSON.stringify([right, problems([{ ...HUB, httpproxy: `${httpproxy}/path` }]), wrong])).not.toContain('hush')

    expect(JSON.stringify([notices, outcome])).not.toContain('hush')
    expect(JSON.stringify(settings.tree)).toContain('hush')
  })
})
