import { createServer, type IncomingMessage, Server, type ServerResponse } from 'node:http'
import type { Log } from '../observe/log.ts'
import { RegistryError } from '../oci/errors.ts'
import { watchBody } from './body-watch.ts'
import { errorResponse } from './error-response.ts'
import type { Handler } from './pipeline.ts'
import { responseOf } from './responses.ts'
import { type HttpServer, removeStaleSocket, type ServerOptions } from './server.ts'
import { bunTls, type ServerTls } from './server-tls.ts'

/** A connection on which nothing moves for so long is cut. */
const IDLE_MS = 60_000
const LOOK_EVERY_MS = 5_000
const WRITTEN_AT_ONCE_BYTES = 512 * 1024
const SWEEP_EVERY_MS = 100
/** Smaller chunks may share their memory with others, and are no matter. */
const GIVEN_BACK_BYTES = 64 * 1024

/**
 * The server for a storage whose blobs are streams. Bun's own server drops the Content-Length of every stream, from which clients draw
 * their progress and learn that a blob is whole; its node:http keeps it. The same handler, one address of TCP. Throws when the address
 * cannot be had.
 */
export async function listenForStreams({ address, reusePort, tls, handler, log }: ServerOptions): Promise<HttpServer> {
  const running = new Set<Promise<void>>()
  const server = createServer((incoming, outgoing) => {
    const ended = new Exchange(incoming, outgoing, { handler, log }).run().finally(() => running.delete(ended))
    running.add(ended)
  })
  server.keepAliveTimeout = IDLE_MS
  // Uploads take as long as they move.
  server.requestTimeout = 0
  await bind(server, { address, reusePort, tls })
  return { url: urlOf(server, tls === undefined ? 'http' : 'https'), stop: ({ timeoutMs }) => stop(server, running, timeoutMs) }
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

async function stop(server: Server, running: ReadonlySet<Promise<void>>, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const deadline = Promise.withResolvers<'late'>()
  const timer = setTimeout(deadline.resolve, timeoutMs, 'late')
  // A connection whose last request has just been answered waits for another one, and would be waited for.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_EVERY_MS)
  server.closeIdleConnections()
  const outcome = await Promise.race([ended(closed, running), deadline.promise])
  clearTimeout(timer)
  clearInterval(sweep)
  if (outcome === 'late') server.closeAllConnections()
  await closed
}

/** A request may still arrive on a connection that was taken before, and bytes leave after the answer has ended. */
async function ended(closed: Promise<void>, running: ReadonlySet<Promise<void>>): Promise<void> {
  await closed
  while (running.size > 0) await Promise.all(running)
}

/** One request and its answer. */
class Exchange {
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  readonly #handler: Handler
  readonly #log: Log
  readonly #gone = new AbortController()
  #movedAt = performance.now()

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, { handler, log }: { handler: Handler; log: Log }) {
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#handler = handler
    this.#log = log
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) this.#gone.abort(clientGone())
    })
    outgoing.on('error', () => undefined)
    incoming.on('error', () => undefined)
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const timer = setInterval(() => this.#cutIfIdle(), LOOK_EVERY_MS)
    try {
      await this.#send(await this.#answer())
    } catch (error) {
      // The status is gone already: that the answer broke off shows as a broken connection.
      if (!this.#gone.signal.aborted) this.#log.error('an answer broke off', { path: this.#incoming.url, error })
      this.#outgoing.destroy()
    } finally {
      clearInterval(timer)
    }
  }

  async #answer(): Promise<Response> {
    const client = this.#incoming.socket.remoteAddress?.replace(/^::ffff:/, '')
    const watch = watchBody(this.#request(), () => this.#move())
    try {
      const answered: unknown = await this.#handler(watch.request, { client })
      if (answered instanceof Response) return answered
      throw new Error('a handler ended without an answer')
    } catch (cause) {
      const requestId = crypto.randomUUID()
      this.#log.error('request failed outside the pipeline', { requestId, error: cause })
      return responseOf(errorResponse(new RegistryError('UNKNOWN', { cause }), requestId))
    } finally {
      watch.stop()
      this.#move()
    }
  }

  #request(): Request {
    const { method = 'GET', url = '/', headers, rawHeaders } = this.#incoming
    const sent = new Headers()
    for (let index = 0; index < rawHeaders.length; index += 2) sent.append(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '')
    const length = headers['transfer-encoding'] ?? headers['content-length'] ?? '0'
    const body = method === 'GET' || method === 'HEAD' || length === '0' ? null : this.#body()
    const target = `http://${headers.host ?? ''}${url}`
    const safe = URL.canParse(target) ? target : `http://invalid${url.startsWith('/') ? url : `/${url}`}`
    return new Request(safe, { method, headers: sent, signal: this.#gone.signal, body })
  }

  #body(): ReadableStream<Uint8Array> {
    const chunks = this.#incoming[Symbol.asyncIterator]()
    return new ReadableStream(
      {
        pull: async (controller) => {
          const next = await chunks.next().catch(() => undefined)
          if (next === undefined) controller.error(clientGone())
          else if (next.done === true) controller.close()
          else controller.enqueue(next.value as Uint8Array)
        },
        // What the client still sends is read and dropped, so that it comes to see the answer.
        cancel: () => {
          this.#incoming.resume()
        },
      },
      { highWaterMark: 0 },
    )
  }

  async #send(response: Response): Promise<void> {
    const { body, status, headers } = response
    // HTTP/1.1 keeps connections by itself; nobody needs to be told.
    this.#outgoing.removeHeader('connection')
    this.#outgoing.writeHead(status, fieldsOf(headers))
    if (body === null) {
      this.#outgoing.end()
      return
    }
    const declared = headers.get('content-length')
    let left = declared === null ? Number.POSITIVE_INFINITY : Number(declared)
    for await (const bytes of body) {
      if (this.#gone.signal.aborted) return
      left -= bytes.length
      await this.#write(bytes)
    }
    if (declared !== null && left !== 0) throw new Error(`the body differs from its length by ${left} bytes`)
    this.#outgoing.end()
  }

  /** In pieces, so that a slow client is seen to move. */
  async #write(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length; start += WRITTEN_AT_ONCE_BYTES) {
      await this.#flushed(bytes.subarray(start, start + WRITTEN_AT_ONCE_BYTES))
      if (this.#gone.signal.aborted) return
      this.#move()
    }
    giveBack(bytes)
  }

  /** Until the kernel has the bytes, or the client is gone. Before that they must not be touched: they are sent from where they are. */
  async #flushed(bytes: Uint8Array): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#outgoing.once('close', resolve)
    this.#outgoing.write(bytes, () => resolve())
    await promise
    this.#outgoing.off('close', resolve)
  }

  #move(): void {
    this.#movedAt = performance.now()
  }

  #cutIfIdle(): void {
    if (performance.now() - this.#movedAt > IDLE_MS) this.#incoming.destroy()
  }
}

function fieldsOf(headers: Headers): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {}
  for (const [name, value] of headers) fields[name] = value
  return fields
}

/**
 * Returns the memory of a chunk at once. It is ours: what is read from a body is a copy, or was given away. Left to the collector, chunks
 * of half a megabyte pile up to hundreds, and each new one is of fresh pages: a third of the processor time of a pull.
 */
function giveBack({ buffer, length }: Uint8Array): void {
  if (length >= GIVEN_BACK_BYTES && buffer.byteLength === length && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** As Bun's own server says it. */
function clientGone(): DOMException {
  return new DOMException('The connection was closed.', 'AbortError')
}
