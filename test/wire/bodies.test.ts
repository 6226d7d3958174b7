import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { listen } from '../../src/http/server/server.ts'
import { sha256 } from '../support/images.ts'
import { bytesOf } from '../support/model-requests.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { describeWith } from '../support/requirements.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { SERVERS, say, statusesIn, Wire } from '../support/wire.ts'

const MIB = 1024 * 1024
const HELLO = bytesOf('hello')
const NEXT = 'GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

function push(repository: string, ...headers: readonly string[]): string {
  const path = `/v2/${repository}/blobs/uploads/?digest=${sha256(HELLO)}`
  return [`POST ${path} HTTP/1.1`, 'Host: a', ...headers, '', ''].join('\r\n')
}

/** Requests that registry:2 and both servers take alike; `NEXT` follows on the same connection. */
const ALIKE: readonly (readonly [what: string, sent: string, statuses: readonly number[]])[] = [
  ['a body in chunks', `${push('alike', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`, [201, 200]],
  ['a body in chunks with extensions', `${push('alike', 'Transfer-Encoding: chunked')}5;a=b\r\nhello\r\n0\r\n\r\n`, [201, 200]],
  ['a method that the resource does not have', 'TRACE /v2/alike/tags/list HTTP/1.1\r\nHost: a\r\n\r\n', [405, 200]],
]

describe.each(SERVERS)('%s', (_, server) => {
  const isBuns = server === listen
  let registry: RestartableRegistry
  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'inmemory', server })
  })
  afterAll(() => registry[Symbol.asyncDispose]())
  const url = () => registry.url ?? ''
  const refusals = () =>
    registry.log.lines.flatMap(({ message, fields }) => (message === 'request refused before it was read' ? [fields] : []))

  test.each(ALIKE)('takes %s, and the next request on the connection', async (_, sent, statuses) => {
    expect(statusesIn(await oneAfterTheOther(url(), sent))).toEqual([...statuses])
  })

  test('answers two requests that are sent at once, one after the other', async () => {
    const statuses = statusesIn(await say(url(), 'GET /v2/none/tags/list HTTP/1.1\r\nHost: a\r\n\r\n', NEXT))

    // Bun's server closes the connection where the first answer is not ready at once: docs/compatibility.md lists it.
    if (isBuns) expect([[], [404, 200]]).toContainEqual(statuses as number[])
    else expect(statuses).toEqual([404, 200])
  })

  test.each([
    ['of which it reads nothing', 'PATCH', '/v2/refused/blobs/uploads/none', 404],
    ['of which it reads a part', 'PUT', '/v2/refused/manifests/latest', 413],
  ])('answers a large body that it refuses, %s, and the next request on the connection', async (_, method, path, status) => {
    const head = `${method} ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`
    const chunk = Buffer.concat([Buffer.from(`${MIB.toString(16)}\r\n`), new Uint8Array(MIB), Buffer.from('\r\n')])

    using wire = await Wire.open(url())
    wire.send(head)
    for (let sent = 0; sent < 10; sent += 1) wire.send(chunk)
    await wire.until(/"errors"/)
    for (let sent = 0; sent < 10; sent += 1) wire.send(chunk)
    wire.send(`0\r\n\r\n${NEXT}`)

    expect(statusesIn(await wire.ended())).toEqual([status, 200])
  })

  test.each([
    ['of which it reads nothing', 'PATCH', '/v2/refused/blobs/uploads/none', 404],
    ['of which it reads a part', 'PUT', '/v2/refused/manifests/latest', 413],
  ])(
    'answers a large body that it refuses, %s, and reads the rest before it closes as asked',
    async (_, method, path, status) => {
      const chunk = Buffer.concat([Buffer.from(`${MIB.toString(16)}\r\n`), new Uint8Array(MIB), Buffer.from('\r\n')])

      using wire = await Wire.open(url())
      wire.send(`${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`)
      for (let sent = 0; sent < 10; sent += 1) wire.send(chunk)
      await wire.until(/"errors"/)
      for (let sent = 0; sent < 10; sent += 1) await wire.sendSlowly(chunk)
      const hadEnded = wire.hasEnded
      wire.send('0\r\n\r\n')

      expect(hadEnded).toBe(false)
      expect(statusesIn(await wire.ended())).toEqual([status])
    },
  )

  test('ends the connection of a client that sends on and on, after its answer', async () => {
    using wire = await Wire.open(url())
    wire.send(`PATCH /v2/refused/blobs/uploads/none HTTP/1.1\r\nHost: a\r\nContent-Length: ${200 * MIB}\r\n\r\n`)
    await wire.until(/BLOB_UPLOAD_UNKNOWN/)

    for (let sent = 0; sent < 200 && !wire.hasEnded; sent += 1) await wire.sendSlowly(new Uint8Array(MIB))

    // Bun's server reads and drops all of it.
    if (isBuns) wire.send(NEXT)
    expect(statusesIn(await wire.ended())).toEqual(isBuns ? [404, 200] : [404])
  })

  test('lets a client read why its body was refused while it still sends', async () => {
    using wire = await Wire.open(url())

    wire.send(`PATCH /v2/refused/blobs/uploads/none HTTP/1.1\r\nHost: a\r\nContent-Length: ${20 * MIB}\r\n\r\n`)
    wire.send(new Uint8Array(MIB))

    expect(await wire.until(/BLOB_UPLOAD_UNKNOWN/)).toMatch(/^HTTP\/1\.1 404 /)
  })

  test('drops the trailers of a body in chunks', async () => {
    const sent = `${push('trailers', 'Transfer-Encoding: chunked', 'Trailer: X-T')}5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n`

    if (!isBuns) expect(statusesIn(await oneAfterTheOther(url(), sent))).toEqual([201, 200])
    // Bun's server refuses them, and ends the connection, at times before the answer is ready: docs/compatibility.md lists it.
    else expect(statusesIn(await say(url(), sent)).at(-1)).toBe(400)
  })

  test.each(['100-continue', '100-Continue'])('answers Expect: %s with 100', async (expectation) => {
    using wire = await Wire.open(url())

    wire.send(push('expects', `Expect: ${expectation}`, 'Content-Length: 5', 'Connection: close'))
    // Bun's server knows the word in lower case alone: docs/compatibility.md lists it.
    const isAnswered = !isBuns || expectation === '100-continue'
    if (isAnswered) await wire.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/)
    wire.send(HELLO)

    expect(statusesIn(await wire.ended())).toEqual(isAnswered ? [100, 201] : [201])
  })

  test('answers a client that closes its side after its whole request', async () => {
    using wire = await Wire.open(url())

    wire.send(`GET /v2/_catalog HTTP/1.1\r\nHost: a\r\n\r\n`).finish()
    const statuses = statusesIn(await wire.ended())

    // Bun's server drops an answer that is not ready at once: docs/compatibility.md lists it.
    if (isBuns) expect([[], [200]]).toContainEqual(statuses as number[])
    else expect(statuses).toEqual([200])
  })

  test('keeps a push whose client closes its side after the last byte', async () => {
    using wire = await Wire.open(url())

    wire.send(`${push('half-closed', 'Content-Length: 5')}hello`).finish()
    const statuses = statusesIn(await wire.ended())

    if (isBuns) expect([[], [201]]).toContainEqual(statuses as number[])
    else expect(statuses).toEqual([201])
  })

  test('refuses a chunk whose size is no number, and says nothing else', async () => {
    const sent = `${push('broken', 'Transfer-Encoding: chunked')}zz\r\nhello\r\n0\r\n\r\n`

    const received = await say(url(), sent)

    expect(statusesIn(received)).toEqual([400])
    if (!isBuns) expect(received).toContain('"code":"SIZE_INVALID"')
    expect((await registry.request('HEAD', `/v2/broken/blobs/${sha256(HELLO)}`)).status).toBe(404)
  })

  test('answers a request before it refuses what follows it and is none', async () => {
    const received = await say(url(), `${push('followed', 'Content-Length: 5')}helloNOT HTTP\r\n\r\n`)

    // Bun's server refuses at once what follows, at times before the answer is ready.
    expect(statusesIn(received).slice(isBuns ? -1 : 0)).toEqual(isBuns ? [400] : [201, 400])
  })

  test('takes headers of 60 KiB', async () => {
    const received = await say(url(), `GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: ${'x'.repeat(60 * 1024)}\r\n\r\n`)

    expect(statusesIn(received)).toEqual([200])
  })

  test('refuses headers that are larger than 64 KiB, says why, and leaves a line in the log', async () => {
    const before = refusals().length

    const received = await say(url(), `GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: ${'x'.repeat(70 * 1024)}\r\n\r\n`)

    expect(statusesIn(received)).toEqual([431])
    expect(received).toMatch(/"code":"SIZE_INVALID".*larger than 64 KiB.*\(request [0-9a-f-]+\)/)
    expect(refusals().slice(before)).toEqual([expect.objectContaining({ status: 431, client: '127.0.0.1' })])
  })

  test('refuses a request line that is larger than 64 KiB alike', async () => {
    const received = await say(url(), `GET /v2/${'x'.repeat(70 * 1024)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)

    expect(statusesIn(received)).toEqual([431])
    expect(received).toContain('"code":"SIZE_INVALID"')
  })

  test.each([
    ['headers that are far larger', `GET /v2/ HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(200 * 1024)}\r\n\r\n`, 431],
    ['200 headers', `GET /v2/ HTTP/1.1\r\n${'X: y\r\n'.repeat(200)}\r\n`, 431],
    ['what is no HTTP', 'HELLO\r\n\r\n', 400],
    ['a version that there is not', 'GET /v2/ HTTP/9.9\r\nHost: a\r\n\r\n', 505],
  ])('refuses %s, and leaves a line in the log where the runtime tells of it', async (_, sent, status) => {
    const before = refusals().length

    const received = await say(url(), sent)

    expect(statusesIn(received)).toEqual([status])
    // Bun's server calls nothing of ours: docs/compatibility.md lists it.
    expect(refusals().slice(before)).toEqual(isBuns ? [] : [expect.objectContaining({ status })])
  })

  test.each(['LOCK', 'SEARCH', 'M-SEARCH'])('takes %s for no other method', async (method) => {
    const received = await say(url(), `${method} /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)

    expect(statusesIn(received).filter((status) => status < 400)).toEqual([])
  })
})

describeWith({ programs: [PEER_PROGRAM] }, 'registry:2', () => {
  const folder = new TemporaryFolder()
  let peer: RegistryProcess
  beforeAll(async () => {
    peer = await startPeer({ folder, dataDirectory: folder.join('data') })
  })
  afterAll(async () => {
    await peer.stop()
    folder[Symbol.dispose]()
  })
  const url = () => `http://127.0.0.1:${peer.port}`

  test('answers Expect: 100-Continue with 100, whatever its case', async () => {
    using wire = await Wire.open(url())

    wire.send('PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n')

    await wire.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/)
  })

  test('answers a client that closes its side after its whole request', async () => {
    using wire = await Wire.open(url())

    wire.send('GET /v2/_catalog HTTP/1.1\r\nHost: a\r\n\r\n').finish()

    expect(statusesIn(await wire.ended())).toEqual([200])
  })

  test('drops trailers', async () => {
    const sent =
      'POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-T: 1\r\n\r\n'

    expect(statusesIn(await oneAfterTheOther(url(), sent))).toEqual([202, 200])
  })
})

/** What comes back for a request and, once that is answered, for `NEXT` on the same connection. */
async function oneAfterTheOther(url: string, sent: string): Promise<string> {
  using wire = await Wire.open(url)
  wire.send(sent)
  await wire.until(/\r\n\r\n/)
  wire.send(NEXT)
  return await wire.ended()
}
