import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { COLLECTOR_ROWS } from '../../test/support/collector-key-rows.ts'
import { HTTP_ROWS } from '../../test/support/http-key-rows.ts'
import { MIRROR_ROWS } from '../../test/support/mirror-key-rows.ts'
import { NOTIFICATION_ROWS } from '../../test/support/notification-key-rows.ts'
import { POSTGRES_ROWS } from '../../test/support/postgres-key-rows.ts'
import { PROXY_ROWS } from '../../test/support/proxy-key-rows.ts'
import { QUOTA_ROWS } from '../../test/support/quota-key-rows.ts'
import { REFUSED_ROWS } from '../../test/support/refused-key-rows.ts'
import { RETENTION_AROUND, RETENTION_ROWS } from '../../test/support/retention-key-rows.ts'
import { s3Notices, s3Rows, s3Together } from '../../test/support/s3-key-rows.ts'
import { TLS_KEYS } from '../../test/support/tls-keys.ts'
import type { Config } from './config.ts'
import { ConfigError } from './config-error.ts'
import { type LoadedConfig, loadConfig } from './load-config.ts'
import { listKeys } from './reference.ts'
import { SIGNING_ALGORITHMS } from './schema/auth-schema.ts'

/**
 * Every key of registry:2.8 and registry:3: what Berth makes of it. A key that is on no row, or on a row without being a key of the
 * schema, fails the last test.
 */
const A = { source: '^a' }
/** A key, what stands there, and what becomes of it. */
type EffectiveRow = readonly [key: string, value: unknown, read: (config: Config) => unknown, expected: unknown]

const PURGING = { enabled: true, ageMs: 604_800_000, intervalMs: 86_400_000, dryRun: false }
const PLATFORM = { architecture: 'amd64', os: 'linux' }

const TOKEN = {
  kind: 'token',
  ...{ realm: 'r', service: 's', issuer: 'i', rootCertBundle: '/c', jwks: undefined, autoRedirectPath: undefined },
  signingAlgorithms: SIGNING_ALGORITHMS,
}

const EFFECTIVE: readonly EffectiveRow[] = [
  ['version', '0.1', () => 'read', 'read'],
  ['log.level', 'DEBUG', ({ log }) => log.level, 'debug'],
  ['log.formatter', 'logstash', ({ log }) => log.formatter, 'logstash'],
  ['log.fields', { service: 'registry', build: 7 }, ({ log }) => log.fields, { service: 'registry', build: '7' }],
  ['log.accesslog.disabled', true, ({ log }) => log.accessLog, false],
  ['log.accesslog.file', '/a.log', ({ log }) => log.accessFile, '/a.log'],
  ['log.file', '/b.log', ({ log }) => log.file, '/b.log'],
  ['log.reportcaller', true, ({ log }) => log.reportCaller, true],
  ['storage.filesystem.rootdirectory', '/srv', driver, { kind: 'filesystem', rootDirectory: '/srv' }],
  ...s3Rows('storage.s3'),
  ...s3Rows('storage.s3aws'),
  ['storage.inmemory', {}, ({ storage, http }) => [storage.driver, http.processes], [{ kind: 'inmemory' }, 1]],
  ['storage.delete.enabled', true, ({ storage }) => storage.deletes, true],
  ['storage.maintenance.uploadpurging.enabled', false, purging, { ...PURGING, enabled: false }],
  ['storage.maintenance.uploadpurging.age', '1h', purging, { ...PURGING, ageMs: 3_600_000 }],
  ['storage.maintenance.uploadpurging.interval', '1m', purging, { ...PURGING, intervalMs: 60_000 }],
  ['storage.maintenance.uploadpurging.dryrun', true, purging, { ...PURGING, dryRun: true }],
  ['storage.maintenance.readonly.enabled', true, ({ storage }) => storage.readOnly, true],
  ...COLLECTOR_ROWS,
  ['storage.maintenance.scrub.enabled', true, ({ storage }) => storage.scrub, { enabled: true, bytesPerSecond: 20_000_000 }],
  ['storage.maintenance.scrub.rate', '1GiB', ({ storage }) => storage.scrub.bytesPerSecond, 1_073_741_824],
  ['storage.maintenance.layers.enabled', false, ({ storage }) => storage.readsLayers, false],
  ['metadata.path', '/m.db', ({ metadata }) => metadata.path, '/m.db'],
  ...HTTP_ROWS,
  ['auth.none', { realm: 'a' }, ({ auth }) => auth, { kind: 'none' }],
  ['auth.htpasswd.realm', 'a', ({ auth }) => auth, { kind: 'htpasswd', realm: 'a', path: '/h' }],
  ['auth.htpasswd.path', '/p', ({ auth }) => auth, { kind: 'htpasswd', realm: 'r', path: '/p' }],
  ['auth.token.realm', 'a', token, { ...TOKEN, realm: 'a' }],
  ['auth.token.service', 'a', token, { ...TOKEN, service: 'a' }],
  ['auth.token.issuer', 'a', token, { ...TOKEN, issuer: 'a' }],
  ['auth.token.rootcertbundle', '/a', token, { ...TOKEN, rootCertBundle: '/a' }],
  ['auth.token.jwks', '/a', token, { ...TOKEN, jwks: '/a' }],
  ['auth.token.signingalgorithms', ['rs256', 'EdDSA'], token, { ...TOKEN, signingAlgorithms: ['RS256', 'EdDSA'] }],
  ['auth.token.autoredirect', true, token, { ...TOKEN, autoRedirectPath: '/auth/token' }],
  ['auth.silly.realm', 'a', ({ auth }) => auth, { kind: 'silly', realm: 'a', service: 's' }],
  ['auth.silly.service', 'a', ({ auth }) => auth, { kind: 'silly', realm: 'r', service: 'a' }],
  ['health.storagedriver.enabled', true, ({ health }) => health.storageDriver.enabled, true],
  ['health.storagedriver.interval', '1s', ({ health }) => health.storageDriver.intervalMs, 1000],
  ['health.storagedriver.threshold', 3, ({ health }) => health.storageDriver.threshold, 3],
  ['health.file', [{ file: '/f' }], ({ health }) => health.file, [{ file: '/f', intervalMs: 10_000, threshold: 1 }]],
  ['health.file[].file', '/f', ({ health }) => health.file[0]?.file, '/f'],
  ['health.file[].interval', '1s', ({ health }) => health.file[0]?.intervalMs, 1000],
  ['health.file[].threshold', 0, ({ health }) => health.file[0]?.threshold, 1],
  ['health.http', [], ({ health }) => health.http, []],
  ['health.http[].uri', 'https://a/b', ({ health }) => health.http[0]?.uri, 'https://a/b'],
  ['health.http[].headers', { A: ['b'] }, ({ health }) => health.http[0]?.headers, { A: ['b'] }],
  ['health.http[].statuscode', 204, ({ health }) => health.http[0]?.statusCode, 204],
  ['health.http[].timeout', '1s', ({ health }) => health.http[0]?.timeoutMs, 1000],
  ['health.http[].interval', '1s', ({ health }) => health.http[0]?.intervalMs, 1000],
  ['health.http[].threshold', 2, ({ health }) => health.http[0]?.threshold, 2],
  ['health.tcp', [], ({ health }) => health.tcp, []],
  ['health.tcp[].addr', 'a:1', ({ health }) => health.tcp[0]?.addr, { kind: 'tcp', hostname: 'a', port: 1 }],
  ['health.tcp[].timeout', '1s', ({ health }) => health.tcp[0]?.timeoutMs, 1000],
  ['health.tcp[].interval', '1s', ({ health }) => health.tcp[0]?.intervalMs, 1000],
  ['health.tcp[].threshold', 2, ({ health }) => health.tcp[0]?.threshold, 2],
  ['catalog.maxentries', 5, ({ catalog }) => catalog.maxEntries, 5],
  ['search.official', ['base/*'], ({ search }) => search.official.map(String), ['base/*']],
  ['ui.enabled', false, ({ ui }) => ui.enabled, false],
  ['tags.maxtags', 5, ({ tags }) => tags.maxTags, 5],
  ['validation.disabled', false, ({ manifests }) => manifests.requiredPlatforms, 'all'],
  ['validation.manifests.urls.allow', ['^a'], ({ manifests }) => manifests.urls, { allow: [A], deny: [] }],
  ['validation.manifests.urls.deny', ['^a'], ({ manifests }) => manifests.urls, { allow: [], deny: [A] }],
  ['validation.manifests.indexes.platforms', 'None', ({ manifests }) => manifests.requiredPlatforms, 'none'],
  ['validation.manifests.indexes.platformlist', [PLATFORM], ({ manifests }) => manifests.requiredPlatforms, 'all'],
  ['validation.manifests.indexes.platformlist[].architecture', 'arm64', () => 'read', 'read'],
  ['validation.manifests.indexes.platformlist[].os', 'linux', () => 'read', 'read'],
  ['access.rules', [], ({ access }) => access?.rules, []],
  ['access.rules[].who', ['user:a'], ({ access }) => access?.rules[0]?.who, [{ kind: 'user', name: 'a' }]],
  ['access.rules[].repositories', ['a/**'], ({ access }) => String(access?.rules[0]?.repositories), 'a/**'],
  ['access.rules[].can', ['pull'], ({ access }) => access?.rules[0]?.can, ['pull']],
  ['access.admins', ['group:a'], ({ access }) => access?.admins, [{ kind: 'group', name: 'a' }]],
  ['access.service', 'a', ({ access }) => access?.service, 'a'],
  ['access.realm', 'https://a/token', ({ access }) => access?.realm, 'https://a/token'],
  ['access.tokenlifetime', '5m', ({ access }) => access?.tokenLifetimeMs, 300_000],
  ['access.refreshlifetime', '24h', ({ access }) => access?.refreshLifetimeMs, 86_400_000],
  ['policy.repository.classes', ['image'], ({ manifests }) => manifests.classes, ['image']],
  ...RETENTION_ROWS,
]

/** Keys that a value alone cannot show: what stands around them counts. */
const TOGETHER: readonly (readonly [key: string, config: object, read: (config: Config) => unknown, expected: unknown])[] = [
  ['http.net', { http: { net: 'unix', addr: '/s' } }, ({ http }) => http.listen, { kind: 'unix', path: '/s' }],
  ['http.processes', { http: { processes: 3 }, storage: { filesystem: {} } }, ({ http }) => http.processes, 3],
  ['validation.disabled', validation({ disabled: true }), ({ manifests }) => manifests.urls, { allow: [], deny: [] }],
  ['validation.enabled', validation({ disabled: true, enabled: true }), ({ manifests }) => manifests.urls.allow, [A]],
  [
    'validation.manifests.indexes.platformlist',
    { validation: { manifests: { indexes: { platforms: 'list', platformlist: [PLATFORM] } } } },
    ({ manifests }) => manifests.requiredPlatforms,
    [PLATFORM],
  ],
  [
    'auth.token.autoredirectpath',
    { auth: { token: { realm: 'r', service: 's', issuer: 'i', jwks: '/j', autoredirect: true, autoredirectpath: '/a' } } },
    token,
    { ...TOKEN, rootCertBundle: undefined, jwks: '/j', autoRedirectPath: '/a' },
  ],
  ...PROXY_ROWS,
  ...MIRROR_ROWS,
  ...QUOTA_ROWS,
  ...POSTGRES_ROWS,
  ...NOTIFICATION_ROWS,
  ...s3Together('s3'),
  ...s3Together('s3aws'),
  ['log.level', { log: { level: 'warn' }, loglevel: 'debug' }, ({ log }) => log.level, 'warn'],
  ['loglevel', { loglevel: 'debug' }, ({ log }) => log.level, 'debug'],
  ...TLS_KEYS,
]

const NO_CACHE = 'Berth looks everything up in its database and needs no cache for it.'
const PATHS = 'Berth answers with paths alone in Location, which are right behind every proxy.'
const NO_SCHEMA_1 = 'Berth takes no manifests of schema 1, as registry:3; they can be neither pushed nor pulled.'

const NOTICED: readonly (readonly [key: string, value: unknown, notice: string])[] = [
  ['loglevel', 'debug', 'The key is called log.level by now.'],
  ['storage.filesystem.maxthreads', 100, 'Berth sizes its file pool by itself; UV_THREADPOOL_SIZE changes it.'],
  ...s3Notices('storage.s3'),
  ...s3Notices('storage.s3aws'),
  ['storage.cache.blobdescriptor', 'redis', NO_CACHE],
  ['storage.cache.blobdescriptorsize', -1, NO_CACHE],
  ['storage.cache.layerinfo', 'inmemory', NO_CACHE],
  ['storage.redirect.disable', false, 'Berth sends clients to no other server; it serves every byte itself.'],
  ['storage.tag.concurrencylimit', 8, 'Berth finds the tags of a manifest in its database; the limit has no effect.'],
  ['http.host', 'https://a', `${PATHS} Of this address its path is used, and the whole where clients are told to get a token.`],
  ['http.secret', 'x', 'Upload addresses of Berth carry no state to sign; the secret is not used.'],
  ['http.relativeurls', false, PATHS],
  ['http.http2.disabled', false, 'Berth speaks HTTP/1.1, as every client does.'],
  ['http.h2c.enabled', true, 'Berth speaks HTTP/1.1, as every client does.'],
  ['validation.enabled', true, 'The key is out of date in registry:2 too; write validation.disabled.'],
  ['compatibility.schema1.enabled', true, NO_SCHEMA_1],
  ['compatibility.schema1.signingkeyfile', '/k', NO_SCHEMA_1],
  ['proxy.cachewritetimeout', '5m', 'Berth fetches a blob to its end, whether or not a client waits.'],
  ...below('redis', 'Berth needs no cache in Redis; nothing here has an effect.'),
  ...below('reporting', 'Berth reports to no such service; failures are in its log.'),
]

/** What asks for nothing, although its section could. */
const ASKS_NOTHING: readonly (readonly [key: string, value: unknown])[] = [['log.hooks', [{ type: 'mail', disabled: 'yes' }]]]

const folder = mkdtempSync(join(tmpdir(), 'berth-keys-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('works', () => {
  test.each(EFFECTIVE)('%s', (key, value, read, expected) => {
    const { config, notices } = load(configWith(key, value))

    expect(read(config)).toEqual(expected)
    expect(notices).toEqual([])
  })

  test.each(TOGETHER)('%s, with what stands around it', (_, config, read, expected) => {
    expect(read(load(config).config)).toEqual(expected)
  })
})

describe('is accepted with one notice', () => {
  test.each(NOTICED)('%s', (key, value, notice) => {
    const { notices } = load(configWith(key, value))

    expect(notices.map((text) => text.replace(/^\S+:\d+: [^:]+: /, ''))).toEqual([notice])
  })

  test.each(ASKS_NOTHING)('%s, which asks for nothing', (key, value) => {
    const { notices } = load(configWith(key, value))

    expect(notices).toEqual([expect.stringMatching(/: What stands here asks for nothing; it has no effect\.$/)])
  })
})

test.each(REFUSED_ROWS)('%s is refused: not yet, %s', (section, advice, value = null) => {
  const problems = problemsOf(configWith(section, value))

  expect(problems).toEqual([`${section} is a setting that Berth does not have yet; ${advice}`])
})

test('every key has its row', () => {
  const refused = new Set(REFUSED_ROWS.map(([section]) => section))
  const rows = new Set([...EFFECTIVE, ...TOGETHER, ...NOTICED].map(([key]) => key))
  const keys = listKeys()

  const without = keys.filter(({ path, section }) => !rows.has(path) && !refused.has(section))
  const unknown = [...rows].filter((row) => !keys.some(({ path }) => path === row))

  expect(without.map(({ path }) => path)).toEqual([])
  expect(unknown).toEqual([])
  expect(keys.length).toBeGreaterThan(190)
})

function driver({ storage }: Config): unknown {
  return storage.driver
}

function token({ auth }: Config): unknown {
  return auth
}

function purging({ storage }: Config): unknown {
  return storage.uploadPurging
}

function validation(settings: object): object {
  return { validation: { ...settings, manifests: { urls: { allow: ['^a'] } } } }
}

/** A row for each key below a section that Berth does not need. */
function below(section: string, notice: string) {
  return listKeys().flatMap((key) => (key.section === section ? [[key.path, 'x', notice] as const] : []))
}

/** A configuration with nothing but this key in it and what it cannot do without. */
function configWith(key: string, value: unknown): object {
  const [, name = '', parameter] = /^storage\.(s3|s3aws)\.(\w+)$/.exec(key) ?? []
  const bucket = { bucket: 'images', region: 'us-east-1', [parameter ?? '']: value }
  if (parameter !== undefined) return { storage: { [name]: bucket, redirect: { disable: true } } }
  const beside = Object.entries(NEEDED_BESIDE).find(([section]) => key.startsWith(`${section}.`))?.[1] ?? {}
  const needed: Readonly<Record<string, object>> = {
    'access.rules[]': { who: ['anonymous'], repositories: ['**'] },
    ...RETENTION_AROUND,
    'health.file[]': { file: '/f' },
    'health.http[]': { uri: 'http://a' },
    'health.tcp[]': { addr: 'a:1' },
    'validation.manifests.indexes.platformlist[]': PLATFORM,
  }
  const around = needed[key.slice(0, key.indexOf('[]') + 2)] ?? {}
  let config: unknown = value
  for (const [index, part] of key.split('.').reverse().entries()) {
    if (index === 1) config = { ...beside, ...(config as object) }
    const name = part.replace('[]', '')
    config = { [name]: part.endsWith('[]') ? [{ ...around, ...(config as object) }] : config }
  }
  return config as object
}

/** Keys of a section of which none can be left out. */
const NEEDED_BESIDE: Readonly<Record<string, object>> = {
  'auth.htpasswd': { realm: 'r', path: '/h' },
  'auth.silly': { realm: 'r', service: 's' },
  'auth.token': { realm: 'r', service: 's', issuer: 'i', rootcertbundle: '/c' },
}

function load(config: object): LoadedConfig {
  const path = join(folder, `${crypto.randomUUID()}.yml`)
  const { storage = {} } = config as { storage?: object }
  const driver = Object.keys(storage).some((name) => /^(filesystem|inmemory|s3|s3aws)$/.test(name)) ? {} : { inmemory: {} }
  writeFileSync(path, stringify({ version: '0.1', ...config, storage: { ...storage, ...driver } }))
  return loadConfig({ path, environment: {} })
}

/** Without the lines. */
function problemsOf(config: object): string[] {
  try {
    load(config)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ path, message }) => `${path} ${message}`)
  }
}
