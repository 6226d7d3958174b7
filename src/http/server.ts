import { unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Log } from '../observe/log.ts'
import { RegistryError } from '../oci/errors.ts'
import { watchBody } from './body-watch.ts'
import { errorResponse } from './error-response.ts'
import type { Handler } from './pipeline.ts'
import { responseOf } from './responses.ts'
import { bunTls, type ServerTls } from './server-tls.ts'

export type ServerAddress =
  | { readonly kind: 'tcp'; readonly hostname: string | undefined; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

export interface ServerOptions {
  readonly address: ServerAddress
  /** Lets several processes listen on the same port; all of them must say so. */
  readonly reusePort: boolean
  /** Left out: plain HTTP. */
  readonly tls?: ServerTls
  readonly handler: Handler
  readonly log: Log
}

export interface HttpServer {
  /** Without a slash at its end; `unix:<path>` for a socket. */
  readonly url: string
  /** Refuses new connections and lets running requests finish, for `timeoutMs` at most; then cuts them. */
  stop(options: { readonly timeoutMs: number }): Promise<void>
}

/** How a server begins: there is one for files and one for streams. Throws when the address cannot be had. */
export type Listen = (options: ServerOptions) => Promise<HttpServer>

/** A connection on which nothing moves for so long is cut. Uploads that move are kept alive by `watchBody`. */
const IDLE_SECONDS = 60

/** The longest that Bun has: `server.timeout` does nothing on a unix socket (tried), so slow uploads need it from the start. */
const UNIX_IDLE_SECONDS = 255

/** The one place that knows Bun's server. Throws when the address cannot be had. */
export async function listen({ address, reusePort, tls, handler, log }: ServerOptions): Promise<HttpServer> {
  if (address.kind === 'unix') await removeStaleSocket(address.path)
  const server = serve(address, reusePort, {
    development: false,
    // Limits are ours: Bun answers 413 without an error body, before the handler is asked.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: (request, bun) => answer(handler, request, bun),
    error: (cause) => failure(log, cause),
    ...(tls === undefined ? {} : { tls: bunTls(tls) }),
  })
  // Bun takes some options that are not what it expects for 'no TLS'.
  if (tls !== undefined && server.protocol !== 'https') throw new Error('the server does not speak TLS')
  return {
    url: address.kind === 'unix' ? `unix:${address.path}` : server.url.href.replace(/\/$/, ''),
    stop: ({ timeoutMs }) => stop(server, timeoutMs),
  }
}

async function answer(handler: Handler, request: Request, bun: Bun.Server<undefined>): Promise<Response> {
  const address = bun.requestIP(request)?.address
  const client = address?.startsWith('::ffff:') === true ? address.slice('::ffff:'.length) : address
  if (request.method === 'GET' || request.method === 'HEAD') return asResponse(await handler(request, { client }))
  // The value stays on the connection; as it is the server's own, there is nothing to put back.
  const watch = watchBody(request, () => bun.timeout(request, IDLE_SECONDS))
  try {
    return asResponse(await handler(watch.request, { client }))
  } finally {
    watch.stop()
  }
}

/** Bun turns `undefined` into a success. */
function asResponse(answered: unknown): Response {
  if (answered instanceof Response) return answered
  throw new Error('a handler ended without an answer')
}

/** What escaped the pipeline, or broke while a body was sent before its first byte. */
function failure(log: Log, cause: Error): Response {
  const requestId = crypto.randomUUID()
  log.error('request failed outside the pipeline', { requestId, error: cause })
  return responseOf(errorResponse(new RegistryError('UNKNOWN', { cause }), requestId))
}

interface Serving {
  readonly development: false
  readonly maxRequestBodySize: number
  fetch(request: Request, bun: Bun.Server<undefined>): Promise<Response>
  error(cause: Error): Response
  readonly tls?: Bun.TLSOptions[]
}

function serve(address: ServerAddress, reusePort: boolean, serving: Serving): Bun.Server<undefined> {
  if (address.kind === 'unix') {
    const options = { ...serving, unix: address.path, idleTimeout: UNIX_IDLE_SECONDS }
    return Bun.serve(options as object as Bun.Serve.Options<undefined>) // The type leaves out idleTimeout here; it works.
  }
  // Without a name Bun takes every interface, IPv6 and IPv4.
  const hostname = address.hostname === undefined ? {} : { hostname: address.hostname }
  return Bun.serve({ ...serving, ...hostname, port: address.port, reusePort, idleTimeout: IDLE_SECONDS })
}

/** A killed process leaves its socket behind. One that is answered belongs to a living process, and listening then fails. */
export async function removeStaleSocket(path: string): Promise<void> {
  const code = await new Promise<unknown>((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(socket.destroy() && undefined))
    socket.once('error', (error) => resolve('code' in error ? error.code : undefined))
  })
  if (code === 'ECONNREFUSED') await unlink(path)
}

async function stop(server: Bun.Server<undefined>, timeoutMs: number): Promise<void> {
  const deadline = Promise.withResolvers<'late'>()
  const timer = setTimeout(deadline.resolve, timeoutMs, 'late')
  const outcome = await Promise.race([server.stop(), deadline.promise])
  clearTimeout(timer)
  if (outcome === 'late') await server.stop(true)
}
