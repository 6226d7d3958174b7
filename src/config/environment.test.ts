import { expect, test } from 'bun:test'
import { type LoadedConfig, loadConfig } from './config.ts'
import type { Environment } from './environment.ts'

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
