import { expect, test } from 'bun:test'
import type { Environment } from './environment.ts'
import { type LoadedConfig, loadConfig } from './load-config.ts'

function load(environment: Environment): LoadedConfig {
  return loadConfig({ path: undefined, environment })
}

test('variables carry sections and maps as YAML, and values as they are', () => {
  const { config } = load({
    REGISTRY_STORAGE_MAINTENANCE_READONLY: '{"enabled":true}',
    REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE: '1h',
    REGISTRY_LOG_FIELDS: 'a: b',
    REGISTRY_LOG_FIELDS_SERVICE: 'registry',
    'REGISTRY_HTTP_HEADERS_X-FOO': '[bar, baz]',
    REGISTRY_HTTP_SECRET: 'with #sharp: and colon',
    REGISTRY_HTTP_ADDR: '"127.0.0.1:0"',
  })

  expect(config.storage.readOnly).toBe(true)
  expect(config.storage.uploadPurging.ageMs).toBe(3_600_000)
  expect(config.log.fields).toEqual({ a: 'b', service: 'registry' })
  expect(config.http.headers).toEqual({ 'x-foo': ['bar', 'baz'] })
  expect(config.http.secret?.reveal()).toBe('with #sharp: and colon')
  expect(config.http.listen).toMatchObject({ hostname: '127.0.0.1' })
})

test('variables that Kubernetes puts into a container are nobody’s settings', () => {
  const { notices } = load({
    REGISTRY_PORT: 'tcp://10.0.0.1:5000',
    REGISTRY_PORT_5000_TCP_ADDR: '10.0.0.1',
    REGISTRY_SERVICE_HOST: '10.0.0.1',
    REGISTRY_SERVICE_PORT_HTTP: '5000',
  })

  expect(notices).toEqual([])
})

test('variables that name no setting are told to the operator', () => {
  const { notices } = load({ REGISTRY_HTTP_ADR: ':1', REGISTRY_COLOUR: 'blue', OTHER: 'x' })

  expect(notices).toEqual([
    'REGISTRY_COLOUR is ignored: there is no such setting',
    'REGISTRY_HTTP_ADR is ignored: there is no such setting; did you mean REGISTRY_HTTP_ADDR?',
  ])
})

test('lists are set by their places, in single values and in sections, by registry:2’s names and by those of the file', () => {
  const { config, notices } = load({
    REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW_0: '^https://a/',
    REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW_1: '^https://b/',
    REGISTRY_HEALTH_FILECHECKERS_0_FILE: '/down',
    REGISTRY_HEALTH_FILE_0_INTERVAL: '1s',
    REGISTRY_HEALTH_TCP_0: '{addr: "a:1"}',
    REGISTRY_HEALTH_HTTPCHECKERS: '[{uri: "http://a/", headers: {X-A: [b]}}]',
    REGISTRY_HEALTH_HTTPCHECKERS_0_STATUSCODE: '204',
  })

  expect(notices).toEqual([])
  expect(config.manifests.urls.allow.map((pattern) => pattern.test('https://b/'))).toEqual([false, true])
  expect(config.health.file).toEqual([{ file: '/down', intervalMs: 1000, threshold: 1 }])
  expect(config.health.tcp).toMatchObject([{ addr: { hostname: 'a', port: 1 } }])
  expect(config.health.http).toMatchObject([{ uri: 'http://a/', headers: { 'X-A': ['b'] }, statusCode: 204 }])
})

test('a list has no gaps: the variable that leaves one is named', () => {
  expect(() => load({ REGISTRY_HEALTH_FILE_1_FILE: '/down' })).toThrow(
    'REGISTRY_HEALTH_FILE_1_FILE: is for entry 1 of a list that has 0; entries count from 0, without gaps',
  )
})

test('sections that registry:2 cannot reach by variables are made', () => {
  const { config } = load({
    REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true',
    REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_DRYRUN: 'true',
    REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true',
    REGISTRY_LOGLEVEL: 'debug',
  })

  expect(config.storage).toMatchObject({ readOnly: true, uploadPurging: { dryRun: true, ageMs: 604_800_000 } })
  expect(config.http.debug.prometheus.enabled).toBe(true)
  expect(config.log.level).toBe('debug')
})

test.each([
  ['REGISTRY_STORAGE_GCS_BUCKET', 'storage.gcs'],
  ['REGISTRY_LOG_HOOKS_0_MAILOPTIONS_FROM', 'log.hooks'],
])('%s asks for what Berth does not have yet, and is refused', (variable, key) => {
  expect(() => load({ [variable]: 'x' })).toThrow(`${key} is a setting that Berth does not have yet`)
})

test.each(['REGISTRY_REDIS_OPTIONS_ADDRS', 'REGISTRY_REDIS_ADDR', 'REGISTRY_COMPATIBILITY_SCHEMA1_TRUSTKEY'])(
  '%s is a setting that Berth does not need',
  (variable) => {
    expect(load({ [variable]: 'x' }).notices).toEqual([expect.not.stringContaining('is ignored')])
  },
)

test('the kind of auth is a variable, and its keys are others', () => {
  const htpasswd = { REGISTRY_AUTH_HTPASSWD_REALM: 'Registry Realm', REGISTRY_AUTH_HTPASSWD_PATH: '/auth/htpasswd' }
  const expected = { kind: 'htpasswd', realm: 'Registry Realm', path: '/auth/htpasswd' } as const

  expect(load(htpasswd).config.auth).toEqual(expected)
  expect(load({ REGISTRY_AUTH: 'htpasswd', ...htpasswd }).config.auth).toEqual(expected)
  expect(load({ REGISTRY_AUTH: 'none' }).config.auth).toEqual({ kind: 'none' })
  expect(() => load({ REGISTRY_AUTH: 'htpasswd' })).toThrow('auth.htpasswd.realm')
  expect(() => load({ ...htpasswd, REGISTRY_AUTH_SILLY_REALM: 'a', REGISTRY_AUTH_SILLY_SERVICE: 'b' })).toThrow(
    'The environment has a problem:\n  auth names htpasswd (REGISTRY_AUTH_HTPASSWD_PATH and REGISTRY_AUTH_HTPASSWD_REALM) and ' +
      'silly (REGISTRY_AUTH_SILLY_REALM and REGISTRY_AUTH_SILLY_SERVICE); leave one of them',
  )
})

test('BERTH_PROCESSES sets how many processes serve', () => {
  expect(load({ BERTH_PROCESSES: '3' }).config.http.processes).toBe(3)
  expect(() => load({ BERTH_PROCESSES: 'many' })).toThrow('BERTH_PROCESSES: http.processes: "many" is not allowed')
})
