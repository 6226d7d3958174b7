import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { connect } from 'node:net'
import fc from 'fast-check'
import { ERROR_CODES } from '../support/answers.ts'
import { sha256 } from '../support/images.ts'
import { expectSound, inTime } from '../support/model-answers.ts'
import { bytesOf } from '../support/model-requests.ts'
import { PROPERTY_TIMEOUT_MS, runs } from '../support/property-runs.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { SERVERS } from '../support/wire.ts'

setDefaultTimeout(PROPERTY_TIMEOUT_MS)

/** Longer than the server waits for the head of a request. */
const PATIENCE_MS = 30_000
const HELLO = bytesOf('hello')

let registry: RestartableRegistry

/** Sends bytes and gives what came back when the connection has ended; `leaves` says how the client goes once all is written. */
async function exchange(bytes: string | Uint8Array, leaves: 'waits' | 'ends' | 'resets'): Promise<string> {
  const { hostname, port } = new URL(registry.url ?? '')
  const socket = connect(Number(port), hostname)
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const timer = setTimeout(() => reject(new Error('the connection did not end in thirty seconds')), PATIENCE_MS)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  // A reset is one of the ways to end.
  socket.on('error', () => undefined)
  socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, () => {
    if (leaves === 'ends') socket.end()
    if (leaves === 'resets') socket.resetAndDestroy()
  })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

/** Nothing, or answers none of which is a failure of the registry; those with a body say what was wrong as the spec wants it. */
function expectNoFailure(received: string): void {
  for (const answer of received.split(/(?=HTTP\/1\.1 \d)/).filter((text) => text !== '')) {
    // 505 is what HTTP says of another version of itself.
    expect(answer).toMatch(/^HTTP\/1\.1 ([1-4]\d\d|505) /)
    const body = answer.slice(answer.indexOf('\r\n\r\n') + 4)
    const isError = /^HTTP\/1\.1 4/.test(answer) && /content-type: application\/json/i.test(answer) && body !== ''
    if (isError) expect(ERROR_CODES).toContain(JSON.parse(body.slice(0, body.lastIndexOf('}') + 1)).errors[0].code)
  }
}

/** The registry is there for everybody else, has lost nothing, and has nothing to complain of. */
async function expectWell(): Promise<void> {
  const response = await inTime(registry.request('GET', `/v2/kept/blobs/${sha256(HELLO)}`), 'GET')
  expect(response.status).toBe(200)
  expect(await expectSound('GET', response)).toEqual(HELLO)
  expect(registry.log.lines.filter(({ level }) => level === 'error')).toEqual([])
}

const methods = fc.oneof(
  fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PROPFIND', 'get', 'FOO', ''),
  fc.string({ maxLength: 5 }),
)
const knownMethods = fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY')
const targets = fc.oneof(
  fc.constantFrom(
    '/',
    '/v2/',
    '*',
    '/v2/x/tags/list',
    '/v2/x/blobs/uploads/',
    `/v2/target/blobs/${sha256(HELLO)}`,
    'http://other/v2/',
    '//',
    '/v2/%',
    '/v2/\u00ff',
    '',
  ),
  fc.string({ maxLength: 40 }).map((text) => `/v2/${text}`),
  fc.integer({ min: 1, max: 20_000 }).map((length) => `/v2/${'x'.repeat(length)}/tags/list`),
)
const headers = fc.array(
  fc.oneof(
    fc.constantFrom(
      'Host: localhost',
      'Host: a b',
      'Host:',
      'Connection: close',
      'Content-Length: 5',
      'Content-Length: -1',
      'Content-Length: 99999999999999999999',
      'Content-Length: 5, 5',
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: gzip, chunked',
      'Expect: 100-continue',
      'Upgrade: h2c',
      'Range: bytes=0-',
      'Range: bytes=9-1',
      'If-None-Match: *',
      'Content-Range: 0-4',
      'Content-Type: application/json, text/html',
      'Authorization: Basic !',
      ' folded: header',
      'no colon',
      ': no name',
      'Name : blank',
      'X: \u0000',
    ),
    fc.string({ maxLength: 30 }),
  ),
  { maxLength: 8 },
)
const harmlessHeaders = fc.uniqueArray(
  fc.constantFrom(
    'Range: bytes=0-',
    'Range: bytes=9-1',
    'Range: bytes=-0',
    'If-None-Match: *',
    'If-Range: "x"',
    'Content-Range: 0-4',
    'Content-Range: from here',
    'Content-Type: application/json, text/html',
    'Content-Type: ;',
    'Accept: \u00ff',
    'Authorization: Basic !',
    'Upgrade: h2c',
    'X-Forwarded-For: "',
    'User-Agent: a=b "c" \\',
  ),
  { maxLength: 4, selector: (line) => line.split(':')[0] },
)
const bodies = fc.oneof(
  fc.constantFrom(
    '',
    'hello',
    '5\r\nhello\r\n0\r\n\r\n',
    '5\r\nhel',
    'zz\r\n',
    'ffffffffffffffff\r\n',
    '5\nhello\n0\n\n',
    '0\r\nTrailer: x\r\n\r\n',
  ),
  fc.string({ maxLength: 30 }),
)
const requests = fc
  .record({
    method: methods,
    target: targets,
    version: fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'http/1.1', ''),
    headers,
    body: bodies,
    end: fc.constantFrom('\r\n', '\n'),
  })
  .map(({ method, target, version, headers: lines, body, end }) =>
    [`${method} ${target} ${version}`, ...lines, '', body].join(end),
  )

describe.each(SERVERS)('what comes over a socket of %s', (_, server) => {
  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'filesystem', server })
    for (const repository of ['kept', 'target']) {
      await registry.request('POST', `/v2/${repository}/blobs/uploads/?digest=${sha256(HELLO)}`, { body: HELLO })
    }
  })
  afterAll(async () => {
    await registry[Symbol.asyncDispose]()
  })

  test('may be anything: the client that leaves gets no failure, and the others are served', async () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      requests,
      fc.array(requests, { maxLength: 3 }).map((list) => list.join('')),
    )
    const property = fc.asyncProperty(
      fc.array(fc.tuple(garbage, fc.constantFrom('ends', 'resets')), { maxLength: 8 }),
      async (sent) => {
        const received = await Promise.all(sent.map(([bytes, leaves]) => exchange(bytes, leaves)))

        for (const text of received) expectNoFailure(text)
        await expectWell()
      },
    )
    await fc.assert(property, runs(80))
  })

  test('is answered or cut when the request is whole, however odd', async () => {
    const whole = fc
      .record({ method: knownMethods, target: targets, headers: harmlessHeaders, odd: fc.option(headers, { freq: 2 }) })
      .map(({ method, target, headers: harmless, odd }) => {
        const others = (odd ?? [])
          .slice(0, 1)
          .filter((line) => !/^(content-length|transfer-encoding|connection|expect)/i.test(line))
        return [`${method} ${target} HTTP/1.1`, 'Host: localhost', ...harmless, ...others, 'Connection: close', '', ''].join(
          '\r\n',
        )
      })
    const property = fc.asyncProperty(fc.array(whole, { maxLength: 8 }), async (sent) => {
      const received = await Promise.all(sent.map((request) => exchange(request, 'waits')))

      for (const text of received) expectNoFailure(text)
      await expectWell()
    })
    await fc.assert(property, runs(80))
  })

  test('may end in the middle of a chunk: the upload has some of it, from its start, and goes on from there', async () => {
    const cut = fc.record({
      declared: fc.integer({ min: 2, max: 200_000 }),
      sent: fc.nat(200_000),
      leaves: fc.constantFrom('ends', 'resets'),
      isChunked: fc.boolean(),
    })
    const property = fc.asyncProperty(cut, async ({ declared, sent, leaves, isChunked }) => {
      const part = 'x'.repeat(Math.min(sent, declared - 1))
      const path = (await registry.request('POST', '/v2/cut/blobs/uploads/')).headers.get('location') ?? ''
      const head = `PATCH ${path} HTTP/1.1\r\nHost: localhost\r\n`
      const body = isChunked
        ? `Transfer-Encoding: chunked\r\n\r\n${declared.toString(16)}\r\n${part}`
        : `Content-Length: ${declared}\r\n\r\n${part}`

      expectNoFailure(await exchange(head + body, leaves))

      const status = await inTime(registry.request('GET', path), `GET ${path}`)
      expect(status.status).toBe(204)
      const offset = rangeEnd(status)
      expect(offset).toBeLessThanOrEqual(part.length)
      await expectToGoOn(path, offset)
    })
    await fc.assert(property, runs(30))
  })

  test.each(['HTTP/1.0', 'HTTP/1.1\r\nHost:'])('a push without a Host is told where it goes by its path: %j', async (version) => {
    const head = `POST /v2/hostless/blobs/uploads/?digest=${sha256(HELLO)} ${version}\r\nConnection: close\r\nContent-Length: 5\r\n\r\n`

    expect(await exchange(`${head}hello`, 'waits')).toMatch(/^HTTP\/1\.1 201 /)

    await expectWell()
  })
})

function rangeEnd(response: Response): number {
  const end = Number(response.headers.get('range')?.slice('0-'.length))
  return end === 0 ? 0 : end + 1
}

/** The request that was cut may still be at work: then the offset moves on, and a client asks again. */
async function expectToGoOn(path: string, from: number): Promise<void> {
  for (let offset = from, attempt = 0; ; attempt += 1) {
    const headers = { 'Content-Range': `${offset}-${offset + 1}` }
    const patched = await inTime(registry.request('PATCH', path, { headers, body: 'yy' }), `PATCH ${path}`)
    const body = await expectSound('PATCH', patched)
    if (patched.status === 416 && attempt < 100) {
      // The header cannot tell one byte from none.
      offset = JSON.parse(new TextDecoder().decode(body)).errors[0].detail.offset
      continue
    }
    expect(patched.status).toBe(202)
    const digest = sha256(bytesOf(`${'x'.repeat(offset)}yy`))
    expect((await inTime(registry.request('PUT', `${path}?digest=${digest}`), `PUT ${path}`)).status).toBe(201)
    return
  }
}
