import { afterEach, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { parseRaw, sendRaw } from '../../../test/support/raw-http.ts'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { createAuthority, issueClientCertificate, issueServerCertificate } from '../../certificates/issue.ts'
import type { Handler } from '../pipeline.ts'
import type { HttpServer } from './server.ts'
import type { ServerTls } from './server-tls.ts'
import { SMALL_BYTES } from './stream-exchange.ts'
import { listenForStreams } from './stream-server.ts'
import { listenTls } from './tls-server.ts'

const MIB = 1024 * 1024
const running: HttpServer[] = []
let log = new RecordedLog()

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop({ timeoutMs: 0 })
})

async function start(handler: Handler): Promise<string> {
  log = new RecordedLog()
  const server = await listenForStreams({
    address: { kind: 'tcp', hostname: '127.0.0.1', port: 0 },
    reusePort: false,
    handler,
    log,
  })
  running.push(server)
  return server.url
}

/** A stream of so many mebibytes; `onEnd` hears how it ended. */
function mebibytes(count: number, onEnd: (how: 'read' | 'cancelled') => void = () => undefined): ReadableStream<Uint8Array> {
  let left = count
  return new ReadableStream(
    {
      pull(controller) {
        if (left === 0) {
          onEnd('read')
          return controller.close()
        }
        left -= 1
        controller.enqueue(new Uint8Array(MIB).fill(left))
      },
      cancel: () => onEnd('cancelled'),
    },
    { highWaterMark: 0 },
  )
}

describe('a stream as an answer', () => {
  test('keeps its length', async () => {
    const url = await start(async () => new Response(mebibytes(5), { headers: { 'Content-Length': String(5 * MIB) } }))

    const response = await fetch(url)

    expect(response.headers.get('content-length')).toBe(String(5 * MIB))
    expect(response.headers.get('transfer-encoding')).toBeNull()
    expect((await response.bytes()).length).toBe(5 * MIB)
  })

  test('without a length comes in chunks', async () => {
    const url = await start(async () => new Response(mebibytes(2)))

    const response = await fetch(url)

    expect(response.headers.get('content-length')).toBeNull()
    expect((await response.bytes()).length).toBe(2 * MIB)
  })

  test.each([
    ['is shorter than its length', () => mebibytes(1), 2 * MIB],
    ['is small, and shorter', () => new Uint8Array(10), 20],
    [
      'breaks off',
      () => new ReadableStream<Uint8Array>({ start: (controller) => controller.error(new Error('the store has gone')) }),
      2 * MIB,
    ],
  ])('that %s never looks whole', async (_, body, length) => {
    const url = await start(async () => new Response(body(), { headers: { 'Content-Length': String(length) } }))

    const outcome = await fetch(url).then(
      (response) =>
        response.bytes().then(
          () => 'whole',
          () => 'broken',
        ),
      () => 'broken',
    )

    expect(outcome).toBe('broken')
    await log.line(({ message }) => message === 'an answer broke off')
  })

  test('ends when the client goes away, and waits for one that reads slowly', async () => {
    const ended = Promise.withResolvers<string>()
    let made = 0
    const counted = () =>
      mebibytes(1000, ended.resolve).pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform: (bytes, controller) => {
            made += 1
            controller.enqueue(bytes)
          },
        }),
      )
    const url = new URL(await start(async () => new Response(counted(), { headers: { 'Content-Length': String(1000 * MIB) } })))

    const socket = connect(Number(url.port), url.hostname, () => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
    await new Promise((resolve) => socket.once('data', resolve))
    socket.pause()
    await Bun.sleep(300)
    const madeWhilePaused = made
    socket.destroy()

    expect(await ended.promise).toBe('cancelled')
    expect(madeWhilePaused).toBeLessThan(100)
  })
})

test('of requests that a client sends ahead the next one is worked on when the answer before it has left', async () => {
  const [count, bytes] = [5_000, new Uint8Array(SMALL_BYTES)]
  let calls = 0
  const url = new URL(
    await start(async ({ url }) => {
      if (url.endsWith('/ahead')) calls += 1
      return new Response(bytes, { headers: { 'Content-Length': String(bytes.length) } })
    }),
  )
  const ahead = 'GET /ahead HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count)
  const socket = connect(Number(url.port), url.hostname, () => socket.write(ahead))
  socket.pause()
  // Others are answered meanwhile.
  for (let other = 0; other < 200 || calls === 0; other += 1) await (await fetch(url)).bytes()
  const callsUnread = calls

  let left = count * bytes.length
  const all = Promise.withResolvers<void>()
  socket.on('data', (part) => {
    left -= part.length
    if (left <= 0 && calls === count) all.resolve()
  })
  socket.resume()
  await all.promise
  socket.destroy()

  // As many as the kernel takes.
  expect(callsUnread).toBeLessThan(count / 2)
})

test('a client that reads slowly gets every byte as it was, and what a handler keeps stays its own', async () => {
  const kept = new Uint8Array(3 * MIB).map((_, index) => index % 251)
  const sent = new Bun.CryptoHasher('sha256')
  let left = 24
  const stream = () =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        const chunk = crypto.getRandomValues(new Uint8Array(65_536)).toHex()
        const bytes = new TextEncoder().encode(chunk.repeat(8))
        sent.update(bytes)
        controller.enqueue(bytes)
        left -= 1
        if (left === 0) controller.close()
      },
    })
  const headers = { 'Content-Length': String(24 * MIB) }
  const url = await start(async (request) =>
    request.url.endsWith('/kept') ? new Response(kept) : new Response(stream(), { headers }),
  )

  const received = new Bun.CryptoHasher('sha256')
  for await (const bytes of (await fetch(url)).body ?? []) {
    received.update(bytes)
    await Bun.sleep(2)
  }
  const copies = [await (await fetch(`${url}/kept`)).bytes(), await (await fetch(`${url}/kept`)).bytes()]

  expect(received.digest('hex')).toBe(sent.digest('hex'))
  expect(copies).toEqual([kept, kept])
})

test('a body that the client does not finish is an error of the reader, and the request knows that the client has gone', async () => {
  const [begun, seen] = [Promise.withResolvers<void>(), Promise.withResolvers<unknown>()]
  const url = new URL(
    await start(async (request) => {
      begun.resolve()
      try {
        await request.bytes()
        seen.resolve('whole')
      } catch (error) {
        seen.resolve(error)
      }
      return new Response(null, { status: 499 })
    }),
  )

  const socket = connect(Number(url.port), url.hostname, () => {
    socket.write('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf')
  })
  await begun.promise
  socket.destroy()

  expect(await seen.promise).toMatchObject({ name: 'AbortError' })
})

test('an early answer is seen by a client that still sends', async () => {
  const url = await start(async (request) => {
    await request.body?.cancel()
    return new Response('no', { status: 401, headers: { 'Content-Length': '2' } })
  })

  const response = await fetch(url, { method: 'PATCH', body: new Uint8Array(20 * MIB) })

  expect([response.status, await response.text()]).toEqual([401, 'no'])
})

test('speaks TLS with certificates that can be replaced while it serves', async () => {
  const authority = await createAuthority('test')
  const fresh = async (): Promise<ServerTls> => {
    const { certificate, key } = await issueServerCertificate(authority, { hosts: ['localhost'] })
    const certificates = [{ host: undefined, chain: certificate, key }]
    return { certificates, clients: { kind: 'not asked' }, minimumVersion: 'tls1.2', cipherSuites: [] }
  }
  const length = String(3 * MIB)
  const server = await listenTls({
    address: { kind: 'tcp', hostname: '127.0.0.1', port: 0 },
    tls: await fresh(),
    listen: listenForStreams,
    handler: async ({ url }) => new Response(mebibytes(3), { headers: { 'Content-Length': length, 'X-Url': url } }),
    log: new RecordedLog(),
  })
  running.push(server)
  const url = `https://localhost:${new URL(server.url).port}/`
  const ask = async () => await fetch(url, { tls: { ca: authority.certificate }, keepalive: false })

  const before = await ask()
  await server.renew(await fresh())
  const after = await ask()

  expect(before.headers.get('x-url')).toBe(url)
  expect([before.headers.get('content-length'), after.headers.get('content-length')]).toEqual([length, length])
  expect([(await before.bytes()).length, (await after.bytes()).length]).toEqual([3 * MIB, 3 * MIB])
})

test('asks clients for their certificates: no handler hears of who shows none, or that of another authority', async () => {
  const [authority, another] = [await createAuthority('test'), await createAuthority('another')]
  const { certificate: chain, key } = await issueServerCertificate(authority, { hosts: ['localhost'] })
  const asked: string[] = []
  const server = await listenForStreams({
    address: { kind: 'tcp', hostname: '127.0.0.1', port: 0 },
    reusePort: false,
    tls: {
      certificates: [{ host: undefined, chain, key }],
      clients: { kind: 'verified', authorities: [authority.certificate] },
      minimumVersion: 'tls1.2',
      cipherSuites: [],
    },
    handler: async ({ url }) => {
      asked.push(new URL(url).pathname)
      return new Response('yes', { headers: { 'Content-Length': '3' } })
    },
    log: new RecordedLog(),
  })
  running.push(server)
  const ask = async (path: string, shown: { readonly cert?: string; readonly key?: string }) => {
    const tls = { ca: authority.certificate, ...shown }
    const answer = fetch(`https://localhost:${new URL(server.url).port}${path}`, { tls, keepalive: false })
    return await answer.then(({ status }) => status).catch(() => 'refused')
  }
  const shownOf = async (by: typeof authority) => {
    const { certificate: cert, key: ownKey } = await issueClientCertificate(by, 'client')
    return { cert, key: ownKey }
  }

  expect(await ask('/none', {})).toBe('refused')
  expect(await ask('/another', await shownOf(another))).toBe('refused')
  expect(await ask('/own', await shownOf(authority))).toBe(200)
  expect(asked).toEqual(['/own'])
})

test('a body of 20,000 chunks of one byte is read in few pieces, with every byte of it in its place', async () => {
  const sent = Array.from({ length: 20_000 }, (_, index) => String(index % 10))
  let pieces = 0
  const url = await start(async (request) => {
    const read: Uint8Array[] = []
    for await (const piece of request.body ?? []) {
      read.push(piece)
      pieces += 1
      await new Promise((resolve) => setImmediate(resolve))
    }
    return new Response(Buffer.concat(read), { headers: { 'Content-Length': String(sent.length) } })
  })

  const head = 'PATCH / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'
  const answer = await sendRaw(url, `${head}${sent.map((byte) => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`)

  expect(parseRaw(answer).body).toBe(sent.join(''))
  expect(pieces).toBeLessThan(1_000)
})
