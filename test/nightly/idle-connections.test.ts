import { expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { listen } from '../../src/http/server/server.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import { RecordedLog } from '../support/recorded-log.ts'

const CONNECTIONS = 500
/** Longer than nginx keeps a connection to a server behind it: the proxy and not Berth decides when a connection ends. */
const IDLE_MS = 75_000

test.concurrent.each([
  ['the server', listen],
  ['the server for streams', listenForStreams],
])(
  '%s keeps 500 connections of a proxy that are idle between two requests',
  async (_, start) => {
    const server = await start({
      address: { kind: 'tcp', hostname: '127.0.0.1', port: 0 },
      reusePort: false,
      handler: async () => new Response('ok'),
      log: new RecordedLog(),
    })
    const port = Number(new URL(server.url).port)
    const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => connected(port)))
    try {
      const first = await Promise.all(sockets.map(ask))
      await Bun.sleep(IDLE_MS)
      const second = await Promise.all(sockets.map(ask))

      expect(countOf(first)).toEqual({ 'HTTP/1.1 200 OK': CONNECTIONS })
      expect(countOf(second)).toEqual({ 'HTTP/1.1 200 OK': CONNECTIONS })
    } finally {
      for (const socket of sockets) socket.destroy()
      await server.stop({ timeoutMs: 0 })
    }
  },
  120_000,
)

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.once('connect', resolve).once('error', reject)
  await promise
  return socket.on('error', () => undefined)
}

/** The first line of the answer, or that the connection was closed. */
async function ask(socket: Socket): Promise<string> {
  if (socket.destroyed) return 'closed'
  const { promise, resolve } = Promise.withResolvers<string>()
  const closed = () => resolve('closed')
  socket.once('close', closed)
  socket.once('data', (bytes) => resolve(bytes.toString().split('\r\n', 1)[0] ?? ''))
  socket.write('GET /v2/ HTTP/1.1\r\nHost: registry.test\r\n\r\n')
  const line = await promise
  socket.off('close', closed)
  return line
}

function countOf(lines: readonly string[]): Record<string, number> {
  return Object.fromEntries(Object.entries(Object.groupBy(lines, (line) => line)).map(([line, all]) => [line, all?.length ?? 0]))
}
