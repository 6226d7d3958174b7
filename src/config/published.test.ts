import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from './load-config.ts'

/** The files that registry:2 and registry:3 bring, as people have them. */

const CHECKS = 'health:\n  storagedriver:\n    enabled: true\n    interval: 10s\n    threshold: 3\n'

const REGISTRY_2 = `version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
${CHECKS}`

const REGISTRY_3 = `version: 0.1
log:
  level: debug
  fields:
    service: registry
    environment: development
storage:
  delete:
    enabled: true
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
  tag:
    concurrencylimit: 5
http:
  addr: :5000
  debug:
    addr: :5001
    prometheus:
      enabled: true
      path: /metrics
${CHECKS}`

const DEVELOPMENT = `version: 0.1
log:
  level: debug
  fields:
    service: registry
    environment: development
storage:
    delete:
      enabled: true
    cache:
        blobdescriptor: inmemory
    filesystem:
        rootdirectory: /var/lib/registry
    maintenance:
        uploadpurging:
            enabled: false
    tag:
      concurrencylimit: 8
http:
    addr: :5000
    debug:
        addr: :5001
        prometheus:
            enabled: true
            path: /metrics
    headers:
        X-Content-Type-Options: [nosniff]
${CHECKS}`

const CACHE = `version: 0.1
log:
  level: debug
  fields:
    service: registry
    environment: development
storage:
    cache:
        blobdescriptor: redis
    filesystem:
        rootdirectory: /var/lib/registry-cache
    maintenance:
        uploadpurging:
            enabled: false
http:
    addr: :5000
    secret: asecretforlocaldevelopment
    debug:
        addr: localhost:5001
    headers:
        X-Content-Type-Options: [nosniff]
redis:
  addr: localhost:6379
  pool:
    maxidle: 16
    maxactive: 64
    idletimeout: 300s
  dialtimeout: 10ms
  readtimeout: 10ms
  writetimeout: 10ms
notifications:
    events:
        includereferences: true
    endpoints:
        - name: local-8082
          url: http://localhost:5003/callback
          headers:
             Authorization: [Bearer <an example token>]
          timeout: 1s
          threshold: 10
          backoff: 1s
          disabled: true
proxy:
  remoteurl: https://registry-1.docker.io
  username: username
  password: password
  ttl: 168h
${CHECKS}`

const folder = mkdtempSync(join(tmpdir(), 'berth-published-'))
const path = join(folder, 'config.yml')
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  ["registry:2's image", REGISTRY_2, false],
  ["registry:3's image", REGISTRY_3, true],
  ["registry:2's and registry:3's config-dev.yml", DEVELOPMENT, true],
])('the file of %s is taken as it is', (_, text, deletes) => {
  writeFileSync(path, text)

  const { config } = loadConfig({ path, environment: { OTEL_TRACES_EXPORTER: 'none' } })

  expect(config.storage).toMatchObject({ driver: { kind: 'filesystem', rootDirectory: '/var/lib/registry' }, deletes })
  expect(config.http.listen).toEqual({ kind: 'tcp', hostname: undefined, port: 5000 })
  expect(config.health.storageDriver).toEqual({ enabled: true, intervalMs: 10_000, threshold: 3 })
})

test('config-cache.yml is a cache of Docker Hub, open to every caller, and says so', () => {
  writeFileSync(path, CACHE)

  const { config, notices } = loadConfig({ path, environment: {} })

  const { url, credentials, tagsFreshMs } = config.proxy ?? {}
  expect([url, credentials?.username, credentials?.password.reveal()]).toEqual([
    'https://registry-1.docker.io',
    'username',
    'password',
  ])
  expect(tagsFreshMs).toBe(0)
  expect(notices).toContainEqual(expect.stringContaining('proxy.username: every caller of this registry can pull'))
  expect(config.proxy?.limits.unusedMs).toBe(604_800_000)
})
