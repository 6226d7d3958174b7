import { describe, expect, test } from 'bun:test'
import { always } from '../../test/support/always.ts'
import { FieldLog } from '../observe/access-log/field-log.ts'
import type { Exchange, RequestObserver } from '../observe/exchange.ts'
import type { Log, LogFields } from '../observe/log.ts'
import { RegistryError } from '../oci/errors.ts'
import { jsonResponse, type PlainResponse } from './answer/responses.ts'
import { createPipeline } from './pipeline.ts'
import type { Target } from './request/target.ts'

interface Line {
  readonly level: string
  readonly message: string
  readonly fields: LogFields | undefined
}

class RecordedLog implements Log {
  readonly lines: Line[] = []
  debug = (message: string, fields?: LogFields) => this.#add('debug', message, fields)
  info = (message: string, fields?: LogFields) => this.#add('info', message, fields)
  warn = (message: string, fields?: LogFields) => this.#add('warn', message, fields)
  error = (message: string, fields?: LogFields) => this.#add('error', message, fields)
  child = () => this

  #add(level: string, message: string, fields: LogFields | undefined): void {
    this.lines.push({ level, message, fields })
  }
}

async function exchange(
  answer: (request: Request, url: Target) => PlainResponse,
  request: Request = new Request('http://localhost/v2/'),
  headers: Record<string, readonly string[]> = {},
) {
  const log = new RecordedLog()
  const observers = [new FieldLog((message, fields) => log.info(message, fields))]
  const handler = createPipeline(
    always((asked) => answer(asked.request, asked.url)),
    { log, headers, observers },
  )
  const response = await handler(request, { client: '10.0.0.1' })
  return { response, lines: log.lines }
}

describe('every answer', () => {
  test('carries a request id of its own and the API version', async () => {
    const first = await exchange(() => jsonResponse({}))
    const second = await exchange(() => jsonResponse({}))

    expect(first.response.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
    expect(first.response.headers.get('x-request-id')).toMatch(/^[0-9a-f]{16}$/)
    expect(first.response.headers.get('x-request-id')).not.toBe(second.response.headers.get('x-request-id'))
  })

  test('has the configured headers, unless it sets them itself', async () => {
    const headers = { 'X-Content-Type-Options': ['nosniff'], 'Cache-Control': ['no-store'], Vary: ['a', 'b'] }

    const { response } = await exchange(() => jsonResponse({}, { 'Cache-Control': 'max-age=1' }), undefined, headers)

    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('cache-control')).toBe('max-age=1')
    expect(response.headers.get('vary')).toBe('a, b')
  })

  test('to a HEAD has the headers of the GET, a Date, and no body', async () => {
    const { response } = await exchange(() => jsonResponse({ a: 1 }), new Request('http://localhost/v2/', { method: 'HEAD' }))

    expect(response.headers.get('content-length')).toBe('7')
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('date')).not.toBeNull()
    expect(response.body).toBeNull()
  })
})

describe('an error', () => {
  test('of a client is answered and is no failure of ours', async () => {
    const { response, lines } = await exchange(() => {
      throw new RegistryError('BLOB_UNKNOWN')
    })

    expect(response.status).toBe(404)
    expect(lines.map(({ level, message }) => [level, message])).toEqual([['info', 'request']])
  })

  test('that nobody expected is 500, kept from the client and logged with its cause under the request id', async () => {
    const cause = new Error('/var/lib/registry: I/O error')

    const { response, lines } = await exchange(() => {
      throw cause
    })

    const requestId = response.headers.get('x-request-id')
    expect(response.status).toBe(500)
    const body = await response.text()
    expect(body).toContain('"UNKNOWN"')
    expect(body).toContain(`(request ${requestId})`)
    expect(body).not.toContain('/var/lib')
    expect(lines[0]).toMatchObject({ level: 'error', message: 'request failed', fields: { requestId, error: cause } })
  })

  test('that passes is 503 and a warning', async () => {
    const { response, lines } = await exchange(() => {
      throw new RegistryError('UNAVAILABLE', { retryAfterSeconds: 2 })
    })

    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('2')
    expect(lines[0]).toMatchObject({ level: 'warn', message: 'request refused for now' })
  })

  test('is an answer too when the target is not a path', async () => {
    const request = new Request('http://localhost/v2/')
    Object.defineProperty(request, 'url', { value: 'http://[/v2/' })

    const { response } = await exchange(() => jsonResponse({}), request)

    expect(response.status).toBe(400)
  })
})

describe('a client that went away', () => {
  function abortedRequest(): Request {
    return new Request('http://localhost/v2/', { method: 'PUT', signal: AbortSignal.abort() })
  }

  test.each([new DOMException('The connection was closed.', 'AbortError'), new RegistryError('SIZE_INVALID')])(
    'is logged as 499 and not as a failure: %s',
    async (error) => {
      const { lines } = await exchange(() => {
        throw error
      }, abortedRequest())

      expect(lines.map(({ level, fields }) => [level, fields?.status])).toEqual([['info', 499]])
    },
  )

  test('does not hide a failure of ours', async () => {
    const { lines } = await exchange(() => {
      throw new Error('disk')
    }, abortedRequest())

    expect(lines.map(({ level, fields }) => [level, fields?.status])).toEqual([
      ['error', undefined],
      ['info', 500],
    ])
  })
})

describe('the line of a request', () => {
  test('says who asked for what and what came of it', async () => {
    const headers = { 'User-Agent': 'docker/29', 'X-Forwarded-For': '192.0.2.1' }
    const { response, lines } = await exchange(
      () => jsonResponse({}, {}, 201),
      new Request('http://localhost/v2/a/tags/list?n=1', { headers }),
    )

    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatchObject({
      level: 'info',
      message: 'request',
      fields: {
        method: 'GET',
        path: '/v2/a/tags/list?n=1',
        status: 201,
        bytes: 2,
        client: '10.0.0.1',
        forwardedFor: '192.0.2.1',
        userAgent: 'docker/29',
        requestId: response.headers.get('x-request-id'),
      },
    })
    expect(lines[0]?.fields?.durationMs).toBeNumber()
  })

  test('counts no bytes for a HEAD', async () => {
    const { lines } = await exchange(() => jsonResponse({}), new Request('http://localhost/v2/', { method: 'HEAD' }))

    expect(lines[0]?.fields?.bytes).toBe(0)
  })
})

describe('observers', () => {
  const request = () => new Request('http://localhost/v2/a/tags/list')

  test('hear of the handler when it is found and of the end with what came of it', async () => {
    const heard: unknown[] = []
    const observer: RequestObserver = {
      routed: (handler) => heard.push(handler),
      ended: ({ handler, status, errorCode }) => heard.push({ handler, status, errorCode }),
    }
    const handler = createPipeline(
      () => ({ handler: 'tags', identify: async () => Promise.reject(new RegistryError('NAME_UNKNOWN')) }),
      { log: new RecordedLog(), headers: {}, observers: [observer] },
    )

    await handler(request(), { client: undefined })

    expect(heard).toEqual(['tags', { handler: 'tags', status: 404, errorCode: 'NAME_UNKNOWN' }])
  })

  test('hear of the end too where nothing is at the path', async () => {
    const heard: unknown[] = []
    const options = {
      log: new RecordedLog(),
      headers: {},
      observers: [{ ended: ({ handler }: Exchange) => heard.push(handler) }],
    }
    const nowhere = () => {
      throw new RegistryError('NAME_UNKNOWN')
    }
    const handler = createPipeline(nowhere, options)

    await handler(request(), { client: undefined })

    expect(heard).toEqual([undefined])
  })
})
