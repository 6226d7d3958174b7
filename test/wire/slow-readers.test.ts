import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Handler } from '../../src/http/pipeline.ts'
import { PATIENCE, type Patience } from '../../src/http/server/patience.ts'
import type { HttpServer } from '../../src/http/server/server.ts'
import { SlowReaders } from '../../src/http/server/slow-readers.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { SERVERS, Wire } from '../support/wire.ts'

/** More than the buffers of the kernel take on both sides. */
const LARGE_BYTES = 48 * 1024 * 1024
const GET = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n'

const running: HttpServer[] = []
let log = new RecordedLog()

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop({ timeoutMs: 0 })
})

async function startWith(listen: (typeof SERVERS)[number][1], handler: Handler, patience: Patience): Promise<string> {
  log = new RecordedLog()
  const address = { kind: 'tcp', hostname: '127.0.0.1', port: 0 } as const
  const server = await listen({ address, reusePort: false, handler, log, patience })
  running.push(server)
  return server.url
}

describe.each(SERVERS)('%s', (_, listen) => {
  test('waits for a client that reads nothing for a while, and then sends the rest', async () => {
    using folder = new TemporaryFolder()
    const path = join(folder.path, 'large')
    await Bun.write(path, new Uint8Array(LARGE_BYTES))
    const headers = { 'Content-Length': String(LARGE_BYTES) }
    const url = await startWith(listen, async () => new Response(Bun.file(path), { headers }), PATIENCE)
    using wire = await Wire.open(url)

    wire.send(GET)
    await wire.until(/\r\n\r\n/)
    wire.stopReading()
    await Bun.sleep(500)
    wire.readOn()

    await wire.length(LARGE_BYTES)
  })
})

test('a client that reads nothing for longer than the patience is cut, and the log says that it was the server', async () => {
  const headers = { 'Content-Length': String(LARGE_BYTES) }
  const answer = async () => new Response(new Uint8Array(LARGE_BYTES), { headers })
  const url = await startWith(listenForStreams, answer, { ...PATIENCE, readerMs: 200 })
  using wire = await Wire.open(url)

  wire.send(GET)
  await wire.until(/\r\n\r\n/)
  wire.stopReading()

  const { level } = await log.line(({ message }) => message === 'connection cut: the client reads nothing')
  expect(level).toBe('info')
  wire.readOn()
  expect((await wire.ended()).length).toBeLessThan(LARGE_BYTES)
})

/** It is why `SlowReaders` is there: the longest that Bun can count is 255 s. */
test('Bun cuts a client that reads nothing for its idle timeout, and does not when it is asked to extend the answer', async () => {
  using folder = new TemporaryFolder()
  const path = join(folder.path, 'large')
  await Bun.write(path, new Uint8Array(LARGE_BYTES))
  const readers = new SlowReaders(Number.POSITIVE_INFINITY, { idleSeconds: 8, lookEveryMs: 1000 })
  using server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 8,
    fetch(request, bun) {
      const response = new Response(Bun.file(path), { headers: { 'Content-Length': String(LARGE_BYTES) } })
      if (request.url.endsWith('/extended')) readers.add(request, bun)
      return response
    },
  })
  using cut = await Wire.open(server.url.href)
  using extended = await Wire.open(server.url.href)
  const stalled = [cut.send(GET), extended.send(GET.replace('/x', '/extended'))]
  for (const wire of stalled) {
    await wire.until(/\r\n\r\n/)
    wire.stopReading()
  }

  await Bun.sleep(18_000)
  for (const wire of stalled) wire.readOn()

  await extended.length(LARGE_BYTES)
  expect((await cut.ended()).length).toBeLessThan(LARGE_BYTES)
  readers.stop()
})

describe('the answers that Bun is asked to extend', () => {
  /** Stands for Bun's server: it knows the requests whose answers have not ended. */
  class FakeServer {
    readonly extended: Request[] = []
    readonly open = new Set<Request>()
    requestIP = (request: Request) => (this.open.has(request) ? { address: '127.0.0.1', family: 'IPv4', port: 1 } : null)
    timeout = (request: Request) => this.extended.push(request)
  }

  function begin(patienceMs: number) {
    const bun = new FakeServer()
    const readers = new SlowReaders(patienceMs, { idleSeconds: 255, lookEveryMs: 5 })
    const add = () => {
      const request = new Request('http://invalid/')
      bun.open.add(request)
      readers.add(request, bun as unknown as Bun.Server<undefined>)
      return request
    }
    return { bun, readers, add }
  }

  test('are extended again and again', async () => {
    const { bun, readers, add } = begin(Number.POSITIVE_INFINITY)
    const [one, other] = [add(), add()]

    while (bun.extended.length < 6) await Bun.sleep(1)

    expect(new Set(bun.extended)).toEqual(new Set([one, other]))
    readers.stop()
  })

  test('are forgotten when they have ended, and when they are older than the patience', async () => {
    const { bun, readers, add } = begin(100)
    const [ends, stays] = [add(), add()]
    while (bun.extended.length < 2) await Bun.sleep(1)
    bun.open.delete(ends)

    while (readers.size > 0) await Bun.sleep(1)

    expect(bun.extended.filter((request) => request === stays).length).toBeGreaterThan(1)
  })
})
