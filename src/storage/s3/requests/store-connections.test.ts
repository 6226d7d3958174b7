import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { createAuthority, issueServerCertificate } from '../../../certificates/issue.ts'
import { StoreConnections } from './store-connections.ts'

setDefaultTimeout(120_000)

const servers: Server[] = []
const sockets = new Set<Socket>()

afterEach(() => {
  for (const socket of sockets) socket.destroy()
  for (const server of servers.splice(0)) server.close()
})

/** What a store does with the nth request of all, on whatever connection. */
type Script = (socket: Socket, request: number) => unknown

/** A store that plays the script; counts connections. */
async function start(script: Script, tls?: { readonly cert: string; readonly key: string }) {
  const seen = { connections: 0, requests: 0, closed: 0 }
  const serve = (socket: Socket) => {
    seen.connections += 1
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      seen.closed += 1
    })
    socket.on('data', (bytes: Buffer) => {
      for (const _ of bytes.toString().matchAll(/^GET /gm)) script(socket, ++seen.requests)
    })
  }
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the store has no port')
  return { url: new URL(`${tls === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}/bucket/key`), seen }
}

function answering(text: string): Script {
  return (socket) => socket.write(text)
}

async function get(connections: StoreConnections, url: URL, signal = new AbortController().signal) {
  return await connections.get(url, new Headers({ range: 'bytes=0-4' }), signal)
}

const HELLO = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "x"\r\n\r\nhello'

describe('a read from the store', () => {
  test('gives status, headers and body, and leaves the connection to the next one', async () => {
    const { url, seen } = await start(answering(HELLO))
    const connections = new StoreConnections({})

    for (let time = 0; time < 3; time += 1) {
      const answer = await get(connections, url)
      expect([answer?.status, answer?.headers.get('etag'), await answer?.text()]).toEqual([200, '"x"', 'hello'])
    }

    expect(seen).toMatchObject({ connections: 1, requests: 3 })
  })

  test('takes an answer that comes byte by byte, after one that is none yet', async () => {
    const text = `HTTP/1.1 100 Continue\r\n\r\n${HELLO}`
    const { url } = await start((socket) => {
      for (const [index, letter] of [...text].entries()) setTimeout(() => socket.write(letter), index)
    })

    expect(await (await get(new StoreConnections({}), url))?.text()).toBe('hello')
  })

  test('asks again where the store has closed a connection that waited', async () => {
    const { url, seen } = await start((socket, request) => {
      if (request === 2) socket.destroy()
      else socket.write(HELLO)
    })
    const connections = new StoreConnections({})
    await (await get(connections, url))?.text()

    expect(await (await get(connections, url))?.text()).toBe('hello')
    expect(seen).toMatchObject({ connections: 2, requests: 3 })
  })

  test('does not go on with a connection on which more came than was asked for', async () => {
    const { url, seen } = await start(answering(`${HELLO}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`))
    const connections = new StoreConnections({})
    await (await get(connections, url))?.text()

    expect(await (await get(connections, url))?.text()).toBe('hello')
    expect(seen.connections).toBe(2)
  })

  test.each([
    ['breaks off in its body', 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello'],
    ['breaks off in its head', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['is none of HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['has no length that is one', 'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello'],
    ['has a header that is none', 'HTTP/1.1 200 OK\r\n folded: 1\r\nContent-Length: 5\r\n\r\nhello'],
  ])('is an error when the answer %s', async (_, text) => {
    const { url } = await start((socket) => socket.end(text))

    const outcome = get(new StoreConnections({}), url).then((answer) => answer?.text())

    await expect(outcome).rejects.toThrow()
  })

  test('reads an error in chunks, and leaves any other body without a length to others', async () => {
    const chunked = 'Transfer-Encoding: chunked\r\n\r\n6\r\n<Error\r\n2;a=b\r\n/>\r\n0\r\n\r\n'
    const error = await start(answering(`HTTP/1.1 404 Not Found\r\n${chunked}`))
    const content = await start(answering(`HTTP/1.1 200 OK\r\n${chunked}`))
    const open = await start((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nhello'))

    const answer = await get(new StoreConnections({}), error.url)

    expect([answer?.status, await answer?.text()]).toEqual([404, '<Error/>'])
    expect(await get(new StoreConnections({}), content.url)).toBeUndefined()
    expect(await get(new StoreConnections({}), open.url)).toBeUndefined()
  })

  test('ends when it is given up, before the answer and within it', async () => {
    const silent = await start(() => undefined)
    const endless = await start((socket) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello`))
    const abort = new AbortController()
    const waiting = get(new StoreConnections({}), silent.url, abort.signal)
    const answer = await get(new StoreConnections({}), endless.url)

    abort.abort()
    await answer?.body?.cancel()

    await expect(waiting).rejects.toThrow('given up')
    while (silent.seen.closed + endless.seen.closed < 2) await Bun.sleep(5)
  })

  test.each([
    ['faster than they are read', 0, 3],
    ['slower than they are read', 1, 0],
    ['now faster, now slower', 40, 70],
  ])('gives the bytes in their order when they come %s', async (_, pauseEvery, waitEvery) => {
    const content = crypto.getRandomValues(new Uint8Array(65_536)).toHex().repeat(64)
    const { url, seen } = await start(async (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n\r\n`)
      for (let at = 0, step = 1; at < content.length; at += step, step = (step * 7) % 100_003) {
        socket.write(content.slice(at, at + step))
        if (pauseEvery > 0 && step % pauseEvery === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    })
    const connections = new StoreConnections({})

    for (let time = 0; time < 2; time += 1) {
      const read: Uint8Array[] = []
      for await (const bytes of (await get(connections, url))?.body ?? []) {
        read.push(bytes)
        if (waitEvery > 0 && read.length % waitEvery === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      }
      expect(Buffer.concat(read).toString() === content).toBe(true)
    }
    expect(seen.connections).toBe(1)
  })

  test('takes no more from the store than somebody reads', async () => {
    const written = { bytes: 0 }
    const { url } = await start((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${2 ** 30}\r\n\r\n`)
      const more = () => {
        while (socket.write(new Uint8Array(65_536))) written.bytes += 65_536
      }
      socket.on('drain', more)
      more()
    })

    const reader = (await get(new StoreConnections({}), url))?.body?.getReader()
    await reader?.read()
    await Bun.sleep(300)

    // What the kernel keeps for a connection on either side.
    expect(written.bytes).toBeLessThan(32 * 1024 ** 2)
    await reader?.cancel()
  })
})

test('a store behind TLS is believed by its certificate, or without one where the configuration says so', async () => {
  const authority = await createAuthority('test')
  const { certificate, key } = await issueServerCertificate(authority, { hosts: ['127.0.0.1'] })
  const other = await issueServerCertificate(authority, { hosts: ['elsewhere.example'] })
  const { url } = await start(answering(HELLO), { cert: certificate, key })
  const elsewhere = await start(answering(HELLO), { cert: other.certificate, key: other.key })
  const read = async (tls: ConstructorParameters<typeof StoreConnections>[0], at: URL) => {
    return await (await get(new StoreConnections(tls), at))?.text()
  }

  expect(await read({ ca: authority.certificate }, url)).toBe('hello')
  expect(await read({ rejectUnauthorized: false }, elsewhere.url)).toBe('hello')
  await expect(read({}, url)).rejects.toThrow()
  await expect(read({ ca: authority.certificate }, elsewhere.url)).rejects.toThrow()
})
