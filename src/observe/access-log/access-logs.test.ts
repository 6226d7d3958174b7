import { describe, expect, test } from 'bun:test'
import { createLog } from '../create-log.ts'
import type { Exchange } from '../exchange.ts'
import { type AccessLogOptions, accessLogs } from './access-logs.ts'

const PULL = { method: 'GET', target: '/v2/a/manifests/latest', handler: 'manifest', status: 200 } as const
const MISS = { ...PULL, status: 404, errorCode: 'MANIFEST_UNKNOWN' } as const
const ROOT = { method: 'GET', target: '/', handler: 'root', status: 200 } as const

describe('with the text formatter', () => {
  test('a request is one line in the combined form on the output', () => {
    const { access, application } = write({}, PULL)

    expect(access).toEqual([expect.stringMatching(/^10\.0\.0\.1 - - \[.+\] "GET \/v2\/a\/manifests\/latest HTTP\/1\.1" 200 /)])
    expect(application).toEqual([])
  })

  test('an error that a client was told about is in the log under its request id', () => {
    const { access, application } = write({}, MISS)

    expect(access).toHaveLength(1)
    expect(application).toEqual([
      expect.stringMatching(
        /level=info msg="request refused" method=GET .* status=404 code=MANIFEST_UNKNOWN .*requestId=0123abcd/,
      ),
    ])
  })

  test('what a HEAD has not found is no news', () => {
    expect(write({}, { ...MISS, method: 'HEAD' }).application).toEqual([])
  })

  test('at level debug every request is in the log with its fields', () => {
    const { access, application } = write({ level: 'debug' }, PULL, ROOT)

    expect(access).toHaveLength(1)
    expect(application).toHaveLength(2)
    expect(application[0]).toContain('level=debug msg="request" method=GET path=/v2/a/manifests/latest status=200')
  })

  test('without an access log refusals are still told', () => {
    const { access, application } = write({ accessLog: false }, PULL, MISS)

    expect(access).toEqual([])
    expect(application).toHaveLength(1)
  })
})

describe.each(['json', 'logstash'] as const)('with the %s formatter', (formatter) => {
  test('a request is one object on the output, with the configured fields', () => {
    const { access, application } = write({ formatter, fields: { service: 'registry' } }, MISS)

    expect(access.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        service: 'registry',
        status: 404,
        code: 'MANIFEST_UNKNOWN',
        requestId: '0123abcd',
        client: '10.0.0.1',
      }),
    ])
    expect(application).toEqual([])
  })

  test('the answer to a load balancer at / is not worth a line', () => {
    expect(write({ formatter }, ROOT)).toEqual({ access: [], application: [] })
  })
})

type Facts = Pick<Exchange, 'target' | 'handler' | 'status'> & { readonly method: string; readonly errorCode?: string }

function write(options: Partial<AccessLogOptions>, ...requests: readonly Facts[]) {
  const all: AccessLogOptions = { level: 'info', formatter: 'text', fields: {}, accessLog: true, ...options }
  const access: string[] = []
  const application: string[] = []
  const log = createLog({ ...all, formatter: 'text' }, { write: (line) => application.push(line), end: async () => undefined })
  const observers = accessLogs(all, log, { write: (line) => access.push(line), end: async () => undefined })
  for (const { method, errorCode, ...facts } of requests) {
    const request = new Request('http://localhost/', { method })
    const fixed = { requestId: '0123abcd', client: '10.0.0.1', answeredBytes: undefined, startedAtMs: 0, durationMs: 1 }
    for (const observer of observers)
      observer.ended({ ...fixed, ...facts, request, errorCode, caller: undefined, denial: undefined })
  }
  return { access, application }
}
