import { describe, expect, test } from 'bun:test'
import type { Exchange } from '../exchange.ts'
import { CombinedLog } from './combined-log.ts'
import { quote } from './quote.ts'

describe('a line in the combined form', () => {
  test('has the client, the time, the request, the answer, and who asked', () => {
    const startedAtMs = new Date(2026, 10, 2, 6, 5, 4).getTime()
    const headers = { referer: 'http://x/', 'user-agent': 'docker/29' }

    const line = lineOf({ target: '/v2/a/tags/list?n=1', startedAtMs, headers, answeredBytes: 20 })

    expect(line).toMatch(
      /^10\.0\.0\.1 - - \[02\/Nov\/2026:06:05:04 [+-]\d{4}\] "GET \/v2\/a\/tags\/list\?n=1 HTTP\/1\.1" 200 20 "http:\/\/x\/" "docker\/29"\n$/,
    )
  })

  test('has empty quotes for absent headers, and dashes for what is not known', () => {
    const line = lineOf({ client: undefined })

    expect(line).toStartWith('- - - [')
    expect(line).toEndWith('"GET /v2/ HTTP/1.1" 200 - "" ""\n')
  })

  test('counts no bytes for a HEAD', () => {
    expect(lineOf({ method: 'HEAD', answeredBytes: 0 })).toContain('"HEAD /v2/ HTTP/1.1" 200 0 ""')
  })

  test('shows UTF-8 in a header as the client wrote it', () => {
    const asBytes = Buffer.from('é').toString('latin1')

    expect(lineOf({ headers: { 'user-agent': asBytes } })).toEndWith('"é"\n')
  })

  test('stays one line, whatever a client sends', () => {
    const line = lineOf({ target: '/v2/"\n' })

    expect(line.split('\n')).toHaveLength(2)
    expect(line).toContain('"GET /v2/\\"\\n HTTP/1.1"')
  })
})

test.each([
  ['plain text, é, 日本', 'plain text, é, 日本'],
  ['a "b" \\ c', 'a \\"b\\" \\\\ c'],
  ['\u0000\u0007\b\t\n\v\f\r\u001b', '\\x00\\a\\b\\t\\n\\v\\f\\r\\x1b'],
  ['\u007f\u2028\u202e', '\\u007f\\u2028\\u202e'],
  ['\u{e0001}', '\\U000e0001'],
])('text %# stands between quotes as registry:2 escapes it', (text, expected) => {
  expect(quote(text)).toBe(expected)
})

interface Facts {
  readonly method?: string
  readonly target?: string
  readonly client?: string | undefined
  readonly startedAtMs?: number
  readonly headers?: Record<string, string>
  readonly answeredBytes?: number
}

function lineOf(facts: Facts): string {
  const { method = 'GET', target = '/v2/', startedAtMs = 0, headers = {}, answeredBytes } = facts
  const lines: string[] = []
  const exchange: Exchange = {
    request: new Request('http://localhost/v2/', { method, headers }),
    target,
    requestId: '0123',
    client: 'client' in facts ? facts.client : '10.0.0.1',
    handler: 'base',
    status: 200,
    answeredBytes,
    errorCode: undefined,
    caller: undefined,
    denial: undefined,
    startedAtMs,
    durationMs: 1,
  }
  new CombinedLog({ write: (line) => lines.push(line), end: async () => undefined }).ended(exchange)
  return lines.join('')
}
