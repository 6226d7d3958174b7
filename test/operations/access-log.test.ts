import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { OperatedRegistry } from '../support/operated-registry.ts'
import { PEER_PROGRAM } from '../support/peer.ts'
import { poll } from '../support/processes.ts'
import type { Dialect } from '../support/registry-under-test.ts'
import { describeWith } from '../support/requirements.ts'

setDefaultTimeout(120_000)

const COMBINED =
  /^(?<client>\S+) - - \[(?<time>\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "(?<line>(?:[^"\\]|\\.)*)" (?<status>\d{3}) (?<bytes>\d+|-) "(?<referer>(?:[^"\\]|\\.)*)" "(?<agent>(?:[^"\\]|\\.)*)"$/

interface Request {
  readonly method: string
  readonly path: string
  readonly headers?: Record<string, string>
}

const REQUESTS: readonly Request[] = [
  { method: 'GET', path: '/v2/' },
  { method: 'GET', path: '/v2/_catalog?n=5' },
  { method: 'HEAD', path: '/v2/a/manifests/latest' },
  { method: 'GET', path: '/v2/a/tags/list?n=1&last=%22' },
  { method: 'POST', path: '/v2/a/blobs/uploads/' },
  { method: 'DELETE', path: `/v2/a/manifests/sha256:${'0'.repeat(64)}` },
  { method: 'GET', path: '/nothing' },
  { method: 'GET', path: '/v2/', headers: { Authorization: `Basic ${btoa('user:secret')}` } },
  { method: 'GET', path: '/v2/', headers: { 'X-Real-IP': '192.0.2.3' } },
  { method: 'GET', path: '/v2/', headers: { 'User-Agent': 'a "b" \\ c\t', Referer: 'http://x/"q"' } },
  { method: 'GET', path: '/v2/', headers: { 'User-Agent': Buffer.from('café 日本').toString('latin1') } },
]

describeWith({ programs: [PEER_PROGRAM] }, 'the access log', () => {
  test('has the lines that registry:2 prints for the same requests, but for the sizes of bodies that differ', async () => {
    const berth = await linesOf('Berth')
    const peer = await linesOf('registry:2')

    expect(berth.map(withoutOurOwn)).toEqual(peer.map(withoutOurOwn))
    expect(berth.map(({ status, bytes, line }) => (status === '200' && line?.endsWith('/v2/ HTTP/1.1') ? bytes : ''))).toEqual(
      peer.map(({ status, bytes, line }) => (status === '200' && line?.endsWith('/v2/ HTTP/1.1') ? bytes : '')),
    )
  })
})

test('the access log names the client that a trusted proxy names', async () => {
  await using registry = await OperatedRegistry.start('Berth')
  await registry.client.request('GET', '/v2/', { headers: { 'X-Forwarded-For': '192.0.2.1, 192.0.2.2' } })

  const [line = ''] = await waitForLines(registry, 1)

  expect(COMBINED.exec(line)?.groups?.client).toBe('192.0.2.2')
})

describe('what is written where', () => {
  test('access lines are on standard output, all else on standard error, and probes nowhere', async () => {
    await using registry = await OperatedRegistry.start('Berth', { log: 'level: info, fields: { service: registry }' })
    for (const path of ['/livez', '/readyz', '/', '/v2/absent/tags/list']) await registry.client.request('GET', path)

    const lines = await waitForLines(registry, 1)

    expect(lines).toEqual([expect.stringMatching(COMBINED)])
    expect(lines[0]).toContain('"GET /v2/absent/tags/list HTTP/1.1" 404')
    const output = registry.program.output.split('\n').slice(0, -1)
    expect(output.filter((line) => !/^time="[^"]+" level=\w+ msg="[^"]+" service=registry /.test(line))).toEqual([])
    expect(output.filter((line) => line.includes('/livez') || line.includes('/readyz'))).toEqual([])
  })

  test('an error has a line with the request id that its client was shown', async () => {
    await using registry = await OperatedRegistry.start('Berth')

    const response = await registry.client.request('GET', '/v2/absent/tags/list')

    const id = response.headers.get('x-request-id')
    await registry.program.waitForOutput(new RegExp(`msg="request refused" .*code=NAME_UNKNOWN .*requestId=${id}`), 30_000)
  })

  test('with log.accesslog.disabled nothing is on standard output', async () => {
    await using registry = await OperatedRegistry.start('Berth', { log: 'level: info, accesslog: { disabled: true }' })
    await registry.client.request('GET', '/v2/')

    await registry.program.stop()

    expect(await registry.accessLog()).toEqual([])
  })

  test('with the json formatter each request is an object with its request id', async () => {
    const log = 'level: info, formatter: json, fields: { service: registry }'
    await using registry = await OperatedRegistry.start('Berth', { log })

    const response = await registry.client.request('GET', '/v2/_catalog?n=1', { headers: { 'User-Agent': 'docker/29' } })

    const lines = await waitForLines(registry, 1)
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        level: 'info',
        time: expect.any(String),
        service: 'registry',
        msg: 'request',
        method: 'GET',
        path: '/v2/_catalog?n=1',
        status: 200,
        bytes: expect.any(Number),
        durationMs: expect.any(Number),
        client: '127.0.0.1',
        userAgent: 'docker/29',
        requestId: response.headers.get('x-request-id'),
      },
    ])
  })

  test('log.reporting.caller, as log.reportcaller, names the place in the program on each line', async () => {
    // Of the program in one file its line is that of the bundle.
    await using registry = await OperatedRegistry.start('Berth', { log: 'level: info, reportcaller: true' })

    expect(registry.program.output).toMatch(/msg="listening" .*func=\S+ file=\S+:\d+/)
  })
})

async function linesOf(dialect: Dialect) {
  await using registry = await OperatedRegistry.start(dialect)
  for (const { method, path, headers = {} } of REQUESTS) {
    const response = await registry.client.request(method, path, { headers: { 'User-Agent': 'test/1', ...headers } })
    await response.bytes()
  }
  const lines = await waitForLines(registry, REQUESTS.length)
  return lines.map((line) => {
    const groups = COMBINED.exec(line)?.groups
    if (groups === undefined) throw new Error(`not in the combined form: ${line}`)
    return groups
  })
}

/** The time, and the sizes of error texts and lists that are written in other words. */
function withoutOurOwn({ client, line, status, referer, agent }: Record<string, string>) {
  return { client, line, status, referer, agent }
}

async function waitForLines(registry: OperatedRegistry, count: number): Promise<string[]> {
  return await poll(`${count} lines`, 90_000, async () => {
    const lines = await registry.accessLog()
    return lines.length >= count ? lines : undefined
  })
}
