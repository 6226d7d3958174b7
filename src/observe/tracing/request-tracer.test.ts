import { expect, test } from 'bun:test'
import type { Exchange } from '../exchange.ts'
import { RequestTracer } from './request-tracer.ts'
import type { Sampler } from './settings.ts'
import type { Span } from './span.ts'

const LOW = `${'0'.repeat(31)}1`
const HIGH = 'f'.repeat(32)

test.each([
  [{ followsParent: true, ratio: 0 }, undefined, false],
  [{ followsParent: true, ratio: 1 }, undefined, true],
  [{ followsParent: true, ratio: 0 }, `00-${HIGH}-b7ad6b7169203331-01`, true],
  [{ followsParent: true, ratio: 1 }, `00-${HIGH}-b7ad6b7169203331-00`, false],
  [{ followsParent: false, ratio: 0.5 }, `00-${LOW}-b7ad6b7169203331-00`, true],
  [{ followsParent: false, ratio: 0.5 }, `00-${HIGH}-b7ad6b7169203331-01`, false],
])('the sampler %j decides on %s: %s', (sampler, traceparent, isTaken) => {
  expect(trace(sampler, { traceparent })).toHaveLength(isTaken ? 1 : 0)
})

test('a failure of ours is an error of the span; a mistake of a client is not', () => {
  const always = { followsParent: true, ratio: 1 }

  expect(trace(always, { status: 503 })[0]?.status).toEqual({ code: 2 })
  expect(trace(always, { status: 404 })[0]?.status).toEqual({})
})

test('a request that found no handler is named by its method alone', () => {
  expect(trace({ followsParent: true, ratio: 1 }, { handler: undefined })[0]?.name).toBe('GET')
})

function trace(sampler: Sampler, facts: { traceparent?: string | undefined; status?: number; handler?: undefined }): Span[] {
  const spans: Span[] = []
  const headers = facts.traceparent === undefined ? {} : { traceparent: facts.traceparent }
  const exchange: Exchange = {
    request: new Request('http://localhost/v2/', { headers }),
    target: '/v2/',
    requestId: '0123',
    client: undefined,
    handler: 'handler' in facts ? undefined : 'base',
    status: facts.status ?? 200,
    answeredBytes: undefined,
    errorCode: undefined,
    caller: undefined,
    denial: undefined,
    startedAtMs: 1,
    durationMs: 1,
  }
  new RequestTracer(sampler, (span) => spans.push(span)).ended(exchange)
  return spans
}
