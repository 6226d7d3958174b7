import { describe, expect, test } from 'bun:test'
import { readTracing } from './settings.ts'

describe('tracing is off', () => {
  test.each([
    {},
    { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' },
    { OTEL_TRACES_EXPORTER: '' },
    { OTEL_TRACES_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'true' },
  ])('with %j', (environment) => {
    expect(readTracing(environment)).toEqual({ settings: undefined, notices: [] })
  })

  test.each([
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, /otlp, console and none/],
    [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /over HTTP/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' }, /not an http/],
  ])('and says why with %j', (environment, sentence) => {
    const { settings, notices } = readTracing(environment)

    expect(settings).toBeUndefined()
    expect(notices).toEqual([expect.stringMatching(sentence)])
  })
})

describe('the exporter', () => {
  test('posts to the traces path below the endpoint', () => {
    const { settings } = readTracing({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector:4318/base/',
      OTEL_EXPORTER_OTLP_HEADERS: 'a=b,c=d%20e',
    })

    expect(settings?.exporter).toEqual({
      kind: 'otlp',
      url: 'https://collector:4318/base/v1/traces',
      headers: { a: 'b', c: 'd e' },
      timeoutMs: 10_000,
    })
  })

  test('posts to the address for traces as it is, and to this machine when none is named', () => {
    expect(readTracing({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/x' }).settings?.exporter).toMatchObject({
      url: 'http://c/x',
    })
    expect(readTracing({ OTEL_TRACES_EXPORTER: 'otlp' }).settings?.exporter).toMatchObject({
      url: 'http://localhost:4318/v1/traces',
    })
  })
})

test('the service is berth unless it is given a name', () => {
  const console = { OTEL_TRACES_EXPORTER: 'console' }
  const attributes = { OTEL_RESOURCE_ATTRIBUTES: 'service.name=registry,deployment.environment=test' }

  expect(readTracing(console).settings?.resource).toEqual({ 'service.name': 'berth' })
  expect(readTracing({ ...console, ...attributes }).settings?.resource).toEqual({
    'service.name': 'registry',
    'deployment.environment': 'test',
  })
  expect(readTracing({ ...console, ...attributes, OTEL_SERVICE_NAME: 'images' }).settings?.resource['service.name']).toBe(
    'images',
  )
})

test.each([
  [undefined, undefined, { followsParent: true, ratio: 1 }],
  ['always_on', undefined, { followsParent: false, ratio: 1 }],
  ['parentbased_always_off', undefined, { followsParent: true, ratio: 0 }],
  ['parentbased_traceidratio', '0.1', { followsParent: true, ratio: 0.1 }],
  ['traceidratio', undefined, { followsParent: false, ratio: 1 }],
])('the sampler %s with %s', (OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, sampler) => {
  const { settings } = readTracing({ OTEL_TRACES_EXPORTER: 'console', OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG })

  expect(settings?.sampler).toEqual(sampler)
})

test('a number that is none is told and not used', () => {
  const { settings, notices } = readTracing({ OTEL_TRACES_EXPORTER: 'console', OTEL_BSP_MAX_QUEUE_SIZE: 'many' })

  expect(settings?.queue.maxSpans).toBe(2_048)
  expect(notices).toEqual(['OTEL_BSP_MAX_QUEUE_SIZE is not a number; 2048 is used.'])
})
