import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { ConfigError } from './config-error.ts'
import type { Environment } from './environment.ts'
import { type LoadedConfig, loadConfig } from './load-config.ts'
import { PRIVATE_RANGES } from './words/address-range.ts'

/** As a config.yml would be read that holds this text. */
function load(text: string, environment: Environment = {}): LoadedConfig {
  const folder = mkdtempSync(join(tmpdir(), 'berth-config-'))
  const path = join(folder, 'config.yml')
  writeFileSync(path, text)
  try {
    return loadConfig({ path, environment })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The lines of the error, without the first, which names the file. */
function problemsOf(text: string, environment: Environment = {}): string[] {
  try {
    load(text, environment)
  } catch (error) {
    if (error instanceof ConfigError)
      return error.message
        .split('\n')
        .slice(1)
        .map((line) => line.trim())
    throw error
  }
  return []
}

const MINIMAL = 'version: 0.1\nstorage: inmemory\n'
const NO_RETENTION = { dryRun: true, untaggedMs: undefined, rules: [], immutable: [], protected: [], ignoredPullers: [] }

describe('without a file', () => {
  test('Berth serves this machine alone, from ./data, and deletes are on', () => {
    const { config, path, notices } = loadConfig({ path: undefined, environment: {} })

    expect({ path, notices }).toEqual({ path: undefined, notices: [] })
    expect(config.http.listen).toEqual({ kind: 'tcp', hostname: '127.0.0.1', port: 5000 })
    expect(config.storage.driver).toEqual({ kind: 'filesystem', rootDirectory: resolve('data') })
    expect(config.storage.deletes).toBe(true)
  })

  test('variables change single settings and leave the others as they are', () => {
    const environment = { REGISTRY_HTTP_ADDR: ':5001', REGISTRY_STORAGE: 'inmemory' }

    const { config } = loadConfig({ path: undefined, environment })

    expect(config.http.listen).toEqual({ kind: 'tcp', hostname: undefined, port: 5001 })
    expect(config.storage.driver).toEqual({ kind: 'inmemory' })
    expect(config.storage.deletes).toBe(true)
  })
})

describe('a file', () => {
  test('is complete with a version and a storage driver', () => {
    const { config, notices } = load(MINIMAL)

    expect(notices).toEqual([])
    expect(config).toEqual({
      log: {
        level: 'info',
        formatter: 'text',
        fields: {},
        accessLog: true,
        file: undefined,
        accessFile: undefined,
        reportCaller: false,
      },
      storage: {
        driver: { kind: 'inmemory' },
        ...{ deletes: false, readOnly: false },
        uploadPurging: { enabled: true, ageMs: 604_800_000, intervalMs: 86_400_000, dryRun: false },
        collector: expect.objectContaining({ enabled: true, graceMs: 86_400_000 }),
        ...{ scrub: { enabled: false, bytesPerSecond: 20_000_000 }, readsLayers: true },
      },
      metadata: { path: undefined, postgres: undefined },
      http: {
        listen: { kind: 'tcp', hostname: undefined, port: 5000 },
        host: undefined,
        prefix: '',
        secret: undefined,
        headers: {},
        trustedProxies: { ranges: PRIVATE_RANGES, areNamed: false },
        drainTimeoutMs: 8000,
        idle: { readerMs: 3_600_000, writerMs: 3_600_000 },
        connections: { total: undefined, perAddress: 1000 },
        ...{ processes: 1, tls: undefined },
        debug: { listen: undefined, prometheus: { enabled: false, path: '/metrics' } },
      },
      ...{ auth: { kind: 'none' }, ui: { enabled: true } },
      health: { storageDriver: { enabled: false, intervalMs: 10_000, threshold: 1 }, file: [], http: [], tcp: [] },
      ...{ catalog: { maxEntries: 1000 }, quotas: [] },
      ...{ tags: { maxTags: 1000 }, search: { official: [expect.objectContaining({ text: 'library/*' })] } },
      manifests: { urls: { allow: [], deny: [] }, requiredPlatforms: 'all', classes: [] },
      ...{ notifications: expect.anything(), access: undefined, proxy: undefined, mirrors: [], retention: NO_RETENTION },
    })
  })

  test('sets every key that Berth knows', () => {
    const { config } = load(`
version: 0.1
log: {level: WARN, formatter: json, fields: {service: registry, build: 007}, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: /srv/registry}
  delete: {enabled: true}
  maintenance:
    uploadpurging: {enabled: false, age: 24h, interval: 1h30m, dryrun: true}
    readonly: {enabled: true}
    collector: {enabled: false, grace: 1h}
    scrub: {enabled: true, rate: 5MiB}
metadata: {path: /var/lib/berth/metadata.db}
http:
  addr: /run/berth.sock
  net: unix
  host: https://registry.example.com/images/
  prefix: /images/
  secret: 0123
  headers: {X-Content-Type-Options: [nosniff], X-One: 1}
  draintimeout: 60s
catalog: {maxentries: 50}
tags: {maxtags: 20}
`)

    expect(config.log).toEqual({
      level: 'warn',
      formatter: 'json',
      fields: { service: 'registry', build: '007' },
      accessLog: false,
      file: undefined,
      accessFile: undefined,
      reportCaller: false,
    })
    expect(config.storage).toEqual({
      driver: { kind: 'filesystem', rootDirectory: '/srv/registry' },
      ...{ deletes: true, readOnly: true, readsLayers: true, scrub: { enabled: true, bytesPerSecond: 5_242_880 } },
      uploadPurging: { enabled: false, ageMs: 86_400_000, intervalMs: 5_400_000, dryRun: true },
      collector: expect.objectContaining({ enabled: false, graceMs: 3_600_000 }),
    })
    expect(config.metadata.path).toBe('/var/lib/berth/metadata.db')
    expect(config.http).toMatchObject({
      listen: { kind: 'unix', path: '/run/berth.sock' },
      host: 'https://registry.example.com/images',
      prefix: '/images',
      headers: { 'X-Content-Type-Options': ['nosniff'], 'X-One': ['1'] },
      drainTimeoutMs: 60_000,
    })
    expect(config.http.secret?.reveal()).toBe('0123')
    expect([config.catalog.maxEntries, config.tags.maxTags]).toEqual([50, 20])
  })

  test('has anchors, merge keys and empty sections as registry:2 reads them', () => {
    const { config } = load(`
version: 0.1
log:
storage:
  inmemory:
  cache:
  delete: &on {enabled: true}
  maintenance:
    readonly: *on
    uploadpurging:
      <<: *on
      age: 1h
`)

    expect(config.storage).toMatchObject({ driver: { kind: 'inmemory' }, deletes: true, readOnly: true })
    expect(config.storage.uploadPurging).toMatchObject({ enabled: true, ageMs: 3_600_000 })
  })

  test('gives a configuration that nothing can change', () => {
    const { config } = load(MINIMAL)

    expect(() => Object.assign(config.storage, { deletes: true })).toThrow(TypeError)
    expect(() => Object.assign(config.storage.uploadPurging, { ageMs: 0 })).toThrow(TypeError)
  })

  test('may be named by REGISTRY_CONFIGURATION_PATH', () => {
    const environment = { REGISTRY_CONFIGURATION_PATH: '/does/not/exist.yml' }

    expect(() => loadConfig({ path: undefined, environment })).toThrow(
      '/does/not/exist.yml has a problem:\n  cannot be read: there is no such file; correct the path, or mount it',
    )
  })
})

describe('variables', () => {
  test('win over the file; an empty one unsets a key', () => {
    const { config } = load(`${MINIMAL}log: {level: debug}\nhttp: {host: 'http://a'}\n`, {
      REGISTRY_LOG_LEVEL: 'error',
      REGISTRY_HTTP_HOST: '',
    })

    expect(config.log.level).toBe('error')
    expect(config.http.host).toBeUndefined()
  })
})

describe('settings that registry:2 needs and Berth does not', () => {
  test('are accepted with one notice each', () => {
    const { notices } = load(`
version: 0.1
storage:
  filesystem: {rootdirectory: /srv, maxthreads: 100}
  cache: {blobdescriptor: inmemory}
  redirect: {disable: false}
  tag: {concurrencylimit: 5}
http: {secret: abc, relativeurls: false}
`)

    expect(notices.map((notice) => notice.split(': ')[1])).toEqual([
      'storage.filesystem.maxthreads',
      'storage.cache.blobdescriptor',
      'storage.tag.concurrencylimit',
      'http.secret',
      'http.relativeurls',
      'storage.redirect.disable',
    ])
  })

  test('say nothing when they ask for what Berth does anyway', () => {
    const { notices } = load(`${MINIMAL}http: {relativeurls: true}\n`)

    expect(notices).toEqual([])
  })
})

describe('a configuration that cannot be used', () => {
  test('is refused with all its problems, each with its line, its path and what is allowed', () => {
    const problems = problemsOf(
      `version: 0.2
log:
  level: loud
storage:
  filesystem:
    rootdirectory: [a]
  maintenance: {readonly: {enabled: maybe}}
http:
  addr: 1.2.3.4
middleware: {registry: [{name: x}]}
`,
      { REGISTRY_HTTP_DRAINTIMEOUT: '5' },
    )

    expect(problems).toEqual([
      'REGISTRY_HTTP_DRAINTIMEOUT: http.draintimeout: "5" is not a duration; write a number with its unit, as in 10s, 5m, 168h or 1h30m',
      'line 1: version: "0.2" must be 0.1',
      'line 3: log.level: "loud" is not allowed; use error, warn, info or debug',
      'line 6: storage.filesystem.rootdirectory needs a single value',
      'line 7: storage.maintenance.readonly.enabled: "maybe" is not allowed; use true or false',
      'line 9: http.addr: "1.2.3.4" is not an address; write host:port, or :port for every interface',
      'line 10: middleware is a setting that Berth does not have yet; take it out',
    ])
  })

  test('never shows what may be a secret', () => {
    const problems = problemsOf(`${MINIMAL}http:\n  secret: [hunter2]\n  secrett: hunter2\n`)

    expect(problems).toHaveLength(3)
    expect(problems.join()).not.toContain('hunter2')
  })

  test('needs exactly one storage driver', () => {
    expect(problemsOf('version: 0.1\n')).toEqual([
      'storage names no driver; write one of filesystem, s3, s3aws, inmemory below it',
    ])
    expect(problemsOf('version: 0.1\nstorage:\n  inmemory: {}\n  filesystem: {}\n')).toEqual([
      'storage names filesystem (line 4) and inmemory (line 3); leave one of them',
    ])
  })

  test('has an address that fits its kind of network', () => {
    expect(problemsOf(`${MINIMAL}http: {addr: /run/x.sock}\n`)).toEqual([
      'line 3: http.addr: "/run/x.sock" is the path of a socket, but http.net is tcp',
    ])
    expect(problemsOf(`${MINIMAL}http: {net: unix, addr: ':5000'}\n`)).toEqual([
      'line 3: http.addr: ":5000" is not the path of a socket, but http.net is unix',
    ])
  })

  test.each([
    [
      'a: b: c',
      'line 1: is not valid YAML: there are two keys on this line; put the second one below the first, or the value in quotes',
    ],
    ['a: [b\nc: d', 'line 2: is not valid YAML: the indentation does not fit; the keys of a section begin in one column'],
    ['a:\n\tb: c', 'line 2: is not valid YAML: a tab stands where spaces must indent'],
    ['a: @b', 'line 1: is not valid YAML: a value begins with a character that YAML reserves; put it in quotes'],
    ['- a', 'is not a configuration: its keys belong at the left margin'],
    ['version: *none', 'is not valid YAML: *none refers to an anchor &none that is not above it'],
  ])('%j is refused where it breaks', (text, problem) => {
    expect(problemsOf(text)).toEqual([problem])
  })
})
