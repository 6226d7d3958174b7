import { createServer, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Log } from '../../observe/log.ts'
import { within } from '../../runtime/deadline.ts'
import { MOST_HEADER_BYTES } from './header-size.ts'
import { PATIENCE } from './patience.ts'
import { refuseUnread } from './refused-requests.ts'
import type { HttpServer, ServerOptions } from './server.ts'
import { bunTls, type ServerTls } from './server-tls.ts'
import { removeStaleSocket } from './stale-socket.ts'
import { StreamExchange } from './stream-exchange.ts'

/**
 * How long a connection waits for its next request, as with the other server: longer than a proxy in front keeps it (nginx: a minute), so
 * that the server does not close a connection on which the proxy is sending a request.
 */
const KEPT_ALIVE_MS = 255_000
const SWEEP_EVERY_MS = 100

/**
 * The server for a storage whose blobs are streams. Bun's own server drops the Content-Length of every stream, from which clients draw
 * their progress and learn that a blob is whole; its node:http keeps it. The same handler, one address of TCP. Throws when the address
 * cannot be had.
 */
export async function listenForStreams(options: ServerOptions): Promise<HttpServer> {
  const { address, reusePort, tls, handler, log, patience = PATIENCE, descriptors } = options
  const running = new Map<Promise<void>, StreamExchange>()
  const ending = new AbortController()
  const scheme = tls === undefined ? 'http' : 'https'
  const exchanges = new WeakMap<object, StreamExchange>()
  const server = createServer({ maxHeaderSize: MOST_HEADER_BYTES }, (incoming, outgoing) => {
    const means = { handler, log, patience, descriptors, scheme, ending: ending.signal } as const
    const exchange = new StreamExchange(incoming, outgoing, means)
    const before = exchanges.get(incoming.socket)
    exchanges.set(incoming.socket, exchange)
    // The runtime hands over what a client has sent ahead as soon as an answer has ended, also where the client reads none.
    const run = before === undefined ? exchange.run() : before.ended.then(() => exchange.run())
    const ended = run.finally(() => running.delete(ended))
    running.set(ended, exchange)
  })
  server.on('clientError', (error: Error & { readonly code?: string }, socket: Socket) => {
    const refuse = () => refuseUnread(socket, error.code ?? error.message, log)
    const exchange = exchanges.get(socket)
    if (exchange === undefined) refuse()
    else exchange.followedByNonsense(refuse)
  })
  server.keepAliveTimeout = KEPT_ALIVE_MS
  // Uploads take as long as they move.
  server.requestTimeout = 0
  // A client that closes its side when it has sent its request still reads. Only the property does it, not the option of the same name.
  Object.assign(server, { httpAllowHalfOpen: true })
  await bind(server, { address, reusePort, tls })
  return {
    url: urlOf(server, scheme),
    clientsAtWork: () => [...running.values()].map((exchange) => exchange.client),
    stop: ({ timeoutMs }) => stop(server, { running, timeoutMs, ending, log }),
  }
}

type Binding = Pick<ServerOptions, 'address' | 'reusePort'> & { readonly tls: ServerTls | undefined }

async function bind(server: Server, { address, reusePort, tls }: Binding): Promise<void> {
  const listening = Promise.withResolvers<void>()
  server.once('listening', listening.resolve)
  server.once('error', listening.reject)
  if (address.kind === 'unix') await removeStaleSocket(address.path)
  if (address.kind === 'unix') server.listen(address.path)
  else listenOn(server, { ...address, reusePort, tls: tls && bunTls(tls) })
  await listening.promise
}

/** What Bun's own server takes as options: the `listen` of node:http leaves them out, what it calls does not. */
interface BunListening {
  readonly hostname: string | undefined
  readonly port: number
  readonly reusePort: boolean
  readonly tls: Bun.TLSOptions[] | undefined
}

function listenOn(server: Server, { tls, port, hostname, reusePort }: BunListening): void {
  const names = Object.getOwnPropertySymbols(Server.prototype)
  const name = names.find(({ description }) => description?.includes('RealListen') === true)
  const listen: unknown = name === undefined ? undefined : Reflect.get(server, name)
  if (typeof listen !== 'function')
    throw new Error('this version of Bun has another node:http than the one that this was made for')
  listen.call(server, tls, port, hostname, undefined, reusePort)
}

function urlOf(server: Server, scheme: string): string {
  const address = server.address()
  if (address === null) throw new Error('the server has no address')
  if (typeof address === 'string') return `unix:${address}`
  return `${scheme}://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
}

interface Stop {
  readonly running: ReadonlyMap<Promise<void>, unknown>
  readonly timeoutMs: number
  readonly ending: AbortController
  readonly log: Log
}

async function stop(server: Server, { running, timeoutMs, ending, log }: Stop): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // A connection whose last request has just been answered waits for another one, and would be waited for.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_EVERY_MS)
  server.closeIdleConnections()
  const outcome = await within(ended(closed, running), timeoutMs, 'late')
  clearInterval(sweep)
  if (outcome === 'late') {
    log.warn('requests cut by the stop', { requests: running.size })
    ending.abort()
    server.closeAllConnections()
  }
  await closed
}

/** A request may still arrive on a connection that was taken before, and bytes leave after the answer has ended. */
async function ended(closed: Promise<void>, running: Stop['running']): Promise<void> {
  await closed
  while (running.size > 0) await Promise.all(running.keys())
}
