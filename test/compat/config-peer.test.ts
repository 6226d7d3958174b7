import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { listKeys } from '../../src/config/reference.ts'
import { type Behaviour, behaviourOf } from '../support/behaviour.ts'
import { CONFIG_CASES, type ConfigCase } from '../support/config-cases.ts'
import {
  type ConfigFile,
  type ConfiguredRegistry,
  startConfiguredBerth,
  startConfiguredPeer,
  startConfiguredPeer3,
} from '../support/configured-registry.ts'
import { someOf } from '../support/effort.ts'
import { PEER_3_PROGRAM, PEER_PROGRAM } from '../support/peer.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const COMPATIBILITY = readFileSync(join(import.meta.dir, '../../docs/compatibility.md'), 'utf8')
const DIFFERENCES = [...COMPATIBILITY.matchAll(/^\| ([^|]+) \|/gm)].map(([, where = '']) => where)

/** What became of a configuration: the registry refused it, or it behaves in some way. */
type Outcome = 'refuses to start' | Behaviour

describeWith({ programs: [PEER_PROGRAM] }, 'With the same configuration', () => {
  const same = CONFIG_CASES.filter(({ difference }) => difference === undefined)
  const different = CONFIG_CASES.filter(({ difference }) => difference !== undefined)

  test.each(someOf('the same configuration', same, 10).map((one) => [one.title, one] as const))(
    'registry:2 and Berth do the same: %s',
    async (_, configCase) => {
      const { peer, berth } = await outcomesOf(configCase)

      expect(berth).toEqual(peer)
    },
    TEST_MS,
  )

  test.each(someOf('configurations that differ', different, 4).map((one) => [one.title, one] as const))(
    'registry:2 and Berth differ as docs/compatibility.md says: %s',
    async (_, configCase) => {
      const { peer, berth } = await outcomesOf(configCase)

      expect(DIFFERENCES).toContain(configCase.difference ?? '')
      expect(berth).not.toEqual(peer)
      expect(berth === 'refuses to start').toBe(configCase.refused === true)
    },
    TEST_MS,
  )
})

/** Sections that only Berth has: every key of each, and the file in which they stand. */
const COLLECTOR = { enabled: true, grace: '48h', found: '96h', window: '2h', interval: '6h', rate: 50, brake: 10, dryrun: true }
const SCRUB = { enabled: true, rate: '20MB' }
const LAYERS = { enabled: true }
const QUOTA = { name: 'own', repositories: ['*/**'], except: ['team/**'], each: true, limit: '10GB', warn: '8GB' }
const MIRROR = { prefix: 'hub', url: 'https://hub.example.com', username: 'a', password: 'b' }
const MIRROR_LIMITS = { size: '10GB', unused: '30d', keep: ['team/*'] }
const MIRROR_SYNC = { repositories: ['team/*'], tags: ['v*'], every: '6h', platforms: ['linux/arm64'], rate: '20MB' }
const MIRROR_FLAGS = { default: true, offline: false, public: true }
const MIRROR_MORE = { repositories: ['team/*'], ttl: '6h', ...MIRROR_LIMITS }
const HELPED = { prefix: 'ecr', url: ['https://a.example.com'], exec: { command: 'x', lifetime: '1h' }, public: true }
const MIRROR_WAY = { ca: '/etc/ssl/certs/ca-certificates.crt', httpproxy: 'http://127.0.0.1:1' }
const SYNC_KEYS = Object.fromEntries(Object.entries(MIRROR_SYNC).map(([name, value]) => [`sync.${name}`, value]))
const MIRROR_KEYS = {
  ...{ ...MIRROR, 'exec.command': 'x', 'exec.lifetime': '1h' },
  ...{ ...MIRROR_WAY, ...MIRROR_MORE, ...SYNC_KEYS, ...MIRROR_FLAGS },
}
const SEARCH = { official: ['base/*'] }
const HOOKS = { loopback: true, httpproxy: 'http://127.0.0.1:1' }
const HOOK_KEYS = { 'webhooks.loopback': true, 'webhooks.httpproxy': HOOKS.httpproxy }
const EVENTS = { enabled: true, pulls: true, listeners: 10, webhooks: HOOKS, keep: '12h', size: '1GB' }
const EVENT_KEYS = { enabled: true, pulls: true, listeners: 10, ...HOOK_KEYS, keep: '12h', size: '1GB' }
const IGNORED = { mediatypes: ['application/octet-stream'], actions: ['pull'] }
const PATIENCE = { timeout: '1s', threshold: 2, backoff: '1s', ignoredmediatypes: ['text/plain'] }
const ENDPOINT = {
  name: 'a',
  disabled: false,
  url: 'http://127.0.0.1:1/',
  headers: { Authorization: ['Bearer secret'] },
  ...PATIENCE,
}
const ENDPOINT_KEYS = { ...ENDPOINT, 'ignore.mediatypes': [], 'ignore.actions': [] }
const NOTIFICATIONS = { events: { includereferences: true }, endpoints: [{ ...ENDPOINT, ignore: IGNORED }] }
const UI = { enabled: false }
const OWN = [
  ['the collector', 'storage.maintenance.collector.', COLLECTOR, { storage: { maintenance: { collector: COLLECTOR } } }],
  ['the scrub', 'storage.maintenance.scrub.', SCRUB, { storage: { maintenance: { scrub: SCRUB } } }],
  ['the reading of layers', 'storage.maintenance.layers.', LAYERS, { storage: { maintenance: { layers: LAYERS } } }],
  ['the search', 'search.', SEARCH, { search: SEARCH }],
  ['events', 'events.', EVENT_KEYS, { events: EVENTS }],
  ['notifications', 'notifications.endpoints[].', ENDPOINT_KEYS, { notifications: NOTIFICATIONS }],
  ['the page', 'ui.', UI, { ui: UI }],
  ['a quota', 'quotas[].', QUOTA, { quotas: [QUOTA] }],
  [
    'mirrors',
    'mirrors[].',
    MIRROR_KEYS,
    { mirrors: [{ ...MIRROR, ...MIRROR_WAY, ...MIRROR_MORE, sync: MIRROR_SYNC, ...MIRROR_FLAGS }, HELPED] },
  ],
] as const

describeWith({ programs: [PEER_PROGRAM, PEER_3_PROGRAM] }, 'With every key', () => {
  const starts = [
    ['registry:2 starts', startConfiguredPeer],
    ['registry:3 starts', startConfiguredPeer3],
    ['Berth starts', startConfiguredBerth],
  ] as const

  test.each(OWN.flatMap(([title, ...own]) => starts.map(([word, start]) => [`of ${title} ${word}`, ...own, start] as const)))(
    '%s',
    async (_, section, keys, file, start) => {
      const known = listKeys().map(({ path }) => path)
      expect(known.filter((path) => path.startsWith(section))).toEqual(Object.keys(keys).map((name) => section + name))

      using folder = new TemporaryFolder()
      const text = textOf({ title: '', text: stringify(file) })
      await using registry = await start(folder, { text, variables: {} })

      expect(registry.serves).toBe(true)
      expect((await registry.request('GET', '/v2/')).status).toBe(200)
    },
    TEST_MS,
  )
})

/** It goes with a bucket alone: on the directory of these tests Berth says so. */
const POSTGRES = {
  url: 'postgres://db',
  host: 'db',
  port: 5432,
  database: 'a',
  user: 'a',
  password: 'b',
  schema: 'a',
  tls: { ca: '/ca.pem' },
}
const POSTGRES_KEYS = ['url', 'host', 'port', 'database', 'user', 'password', 'passwordfile', 'schema', 'tls.ca']

describeWith({ programs: [PEER_PROGRAM, PEER_3_PROGRAM] }, 'With every key of PostgreSQL', () => {
  const postgres = stringify({ metadata: { postgres: POSTGRES } })

  test.each([
    ['registry:2 starts', startConfiguredPeer, true],
    ['registry:3 starts', startConfiguredPeer3, true],
    ['Berth refuses a directory', startConfiguredBerth, false],
  ] as const)(
    '%s',
    async (_, start, serves) => {
      const known = listKeys().map(({ path }) => path)
      const section = 'metadata.postgres.'
      expect(known.filter((path) => path.startsWith(section))).toEqual(POSTGRES_KEYS.map((name) => section + name))

      using folder = new TemporaryFolder()
      await using registry = await start(folder, { text: textOf({ title: '', text: postgres }), variables: {} })

      expect(registry.serves).toBe(serves)
    },
    TEST_MS,
  )
})

async function outcomesOf(configCase: ConfigCase): Promise<{ readonly peer: Outcome; readonly berth: Outcome }> {
  const [peer, berth] = await Promise.all([
    outcomeOf(startConfiguredPeer, configCase),
    outcomeOf(startConfiguredBerth, configCase),
  ])
  return { peer, berth }
}

type Start = (folder: TemporaryFolder, config: ConfigFile) => Promise<ConfiguredRegistry>

async function outcomeOf(start: Start, configCase: ConfigCase): Promise<Outcome> {
  using folder = new TemporaryFolder()
  const { variables = {}, noFile = false } = configCase
  if (noFile) await folder.file('config.yml', '')
  await using registry = await start(folder, { text: noFile ? undefined : textOf(configCase), variables })
  if (!registry.serves) return 'refuses to start'
  try {
    return await behaviourOf(registry, configCase)
  } catch (error) {
    if (await registry.hasEnded()) return 'refuses to start'
    throw error
  }
}

/** The case's text over a folder and an address. */
function textOf({ text = '', whole }: ConfigCase): string {
  if (whole !== undefined) return whole
  const base = { version: '0.1', storage: { filesystem: { rootdirectory: 'DATA' } }, http: { addr: '127.0.0.1:PORT' } }
  const own = (parse(text) ?? {}) as Record<string, object>
  return stringify({ ...own, ...base, storage: { ...base.storage, ...own.storage }, http: { ...base.http, ...own.http } })
}
