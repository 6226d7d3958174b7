import type { Log } from '../../observe/log.ts'
import { RegistryError } from '../../oci/errors.ts'
import { giveBackAsSent } from '../../registry/uploads/shared-piece.ts'
import { within } from '../../runtime/deadline.ts'
import { errorResponse } from '../answer/error-response.ts'
import { responseOf, sendingOf } from '../answer/responses.ts'
import type { Connection, Handler } from '../pipeline.ts'
import { type BodyWatch, watchBody } from './body-watch.ts'
import { allowLargeHeaders, areHeadersTooLarge } from './header-size.ts'
import { PATIENCE, type Patience } from './patience.ts'
import { refuseLargeHeaders } from './refused-requests.ts'
import { bunTls, type ServerTls } from './server-tls.ts'
import { SlowReaders } from './slow-readers.ts'
import { removeStaleSocket } from './stale-socket.ts'

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
  /** Left out: the usual one. */
  readonly patience?: Patience
  /** Left out: descriptors do not run out. */
  readonly descriptors?: Descriptors | undefined
}

/** Some of them are kept for the files of requests. */
export interface Descriptors {
  /** Undefined: there is one now. */
  whenDescriptorIsFree(): Promise<void> | undefined
}

export interface HttpServer {
  /** Without a slash at its end; `unix:<path>` for a socket. */
  readonly url: string
  /** Address and port of each client that the server is answering, as `192.0.2.1 51234`; none on a unix socket. */
  clientsAtWork(): string[]
  /** Refuses new connections and lets running requests finish, for `timeoutMs` at most; then cuts them. */
  stop(options: { readonly timeoutMs: number }): Promise<void>
}

/** How a server begins: there is one for files and one for streams. Throws when the address cannot be had. */
export type Listen = (options: ServerOptions) => Promise<HttpServer>

/** The longest time that Bun's server can wait for a client by itself. */
const LONGEST_IDLE_SECONDS = 255

/** The one place that knows Bun's server. Throws when the address cannot be had. */
export async function listen(options: ServerOptions): Promise<HttpServer> {
  const { address, reusePort, tls, handler, log, patience = PATIENCE, descriptors } = options
  if (address.kind === 'unix') await removeStaleSocket(address.path)
  allowLargeHeaders()
  // `server.timeout` does nothing on a unix socket (tried), so slow uploads need the longest time there from the start.
  const idleSeconds = address.kind === 'unix' ? LONGEST_IDLE_SECONDS : idleSecondsOf(patience)
  const ending = new AbortController()
  const exchanges = new Exchanges({ handler, log, patience, idleSeconds, descriptors, ending: ending.signal })
  const server = serve(address, reusePort, {
    development: false,
    idleTimeout: idleSeconds,
    // Limits are ours: Bun answers 413 without an error body, before the handler is asked.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: (request, bun) => exchanges.answer(request, bun),
    error: (cause) => failure(log, cause),
    ...(tls === undefined ? {} : { tls: bunTls(tls) }),
  })
  // Bun takes some options that are not what it expects for 'no TLS'.
  if (tls !== undefined && server.protocol !== 'https') throw new Error('the server does not speak TLS')
  return {
    url: address.kind === 'unix' ? `unix:${address.path}` : server.url.href.replace(/\/$/, ''),
    clientsAtWork: () => exchanges.clients(server),
    stop: async ({ timeoutMs }) => {
      await stop(server, { timeoutMs, ending, log })
      exchanges.stop()
    },
  }
}

/** Bun counts whole seconds, and 0 means for ever. */
function idleSecondsOf({ readerMs }: Patience): number {
  return Math.max(1, Math.min(LONGEST_IDLE_SECONDS, Math.ceil(readerMs / 1000)))
}

interface ExchangeOptions {
  readonly handler: Handler
  readonly log: Log
  readonly patience: Patience
  readonly descriptors: Descriptors | undefined
  readonly idleSeconds: number
  readonly ending: AbortSignal
}

/** Requests and their answers, as Bun hands them over. */
class Exchanges {
  readonly #options: ExchangeOptions
  readonly #slowReaders: SlowReaders
  readonly #running = new Set<Request>()

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.#slowReaders = new SlowReaders(options.patience.readerMs, { idleSeconds: LONGEST_IDLE_SECONDS })
  }

  async answer(request: Request, bun: Bun.Server<undefined>): Promise<Response> {
    const { handler, log, idleSeconds, descriptors, ending } = this.#options
    this.#running.add(request)
    try {
      const address = bun.requestIP(request)?.address
      const client = address === undefined ? undefined : plainAddress(address)
      if (areHeadersTooLarge(request)) return responseOf(refuseLargeHeaders(client, log))
      const connection = { client, ending }
      const { method } = request
      if (method !== 'GET' && method !== 'HEAD') return await this.#answerBody(request, connection, bun)
      const response = asResponse(await handler(request, connection))
      const { opens, isLong, stream } = sendingOf(response)
      // Bun writes each chunk of a stream, or copies it, before it reads the next one.
      if (stream !== undefined) giveBackAsSent(stream)
      // Bun opens the file of an answer when it has the answer.
      if (opens) await descriptors?.whenDescriptorIsFree()
      if (isLong && idleSeconds === LONGEST_IDLE_SECONDS) this.#slowReaders.add(request, bun)
      return response
    } finally {
      this.#running.delete(request)
    }
  }

  clients(bun: Bun.Server<undefined>): string[] {
    return [...this.#running].flatMap((request) => {
      const client = bun.requestIP(request)
      return client === null ? [] : [`${plainAddress(client.address)} ${client.port}`]
    })
  }

  /** To a request that may have a body. */
  async #answerBody(request: Request, connection: Connection, bun: Bun.Server<undefined>): Promise<Response> {
    const { handler, patience, idleSeconds } = this.#options
    const extend = () => bun.timeout(request, LONGEST_IDLE_SECONDS)
    // Bun closes such a connection with the end of the answer, and a client that still sends may never read it.
    const isLast = endsConnection(request)
    const watch = watchBody(request, { extend, writerMs: patience.writerMs, keepsRest: isLast })
    try {
      const response = asResponse(await handler(watch.request, connection))
      return isLast && !watch.hasEnded ? endingAfter(response, watch) : response
    } finally {
      watch.stop()
      // The value stays on the connection.
      bun.timeout(request, idleSeconds)
    }
  }

  stop(): void {
    this.#slowReaders.stop()
  }
}

/** A server for IPv6 and IPv4 names clients of IPv4 in the way of IPv6. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
}

/** As podman, skopeo and buildah ask with each of their requests. */
function endsConnection({ headers }: Request): boolean {
  return /(?:^|,)\s*close\s*(?:,|$)/i.test(headers.get('connection') ?? '')
}

/** A client that waits for the end of its answer sends nothing more. */
const SILENT_MS = 2_000

/**
 * The client has every byte of the answer at once, and its end when the rest of what it sends has been read; or when it sends nothing more,
 * or too much.
 */
function endingAfter(response: Response, watch: BodyWatch): Response {
  const { body, status, statusText, headers } = response
  if (body === null) return response
  const flush = async () => void (await watch.drain({ patienceMs: SILENT_MS }))
  return new Response(body.pipeThrough(new TransformStream({ flush })), { status, statusText, headers })
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
  readonly idleTimeout: number
  readonly maxRequestBodySize: number
  fetch(request: Request, bun: Bun.Server<undefined>): Promise<Response>
  error(cause: Error): Response
  readonly tls?: Bun.TLSOptions[]
}

function serve(address: ServerAddress, reusePort: boolean, serving: Serving): Bun.Server<undefined> {
  if (address.kind === 'unix') {
    const options = { ...serving, unix: address.path }
    return Bun.serve(options as object as Bun.Serve.Options<undefined>) // The type leaves out idleTimeout here; it works.
  }
  // Without a name Bun takes every interface, IPv6 and IPv4.
  const hostname = address.hostname === undefined ? {} : { hostname: address.hostname }
  return Bun.serve({ ...serving, ...hostname, port: address.port, reusePort })
}

interface Stop {
  readonly timeoutMs: number
  readonly ending: AbortController
  readonly log: Log
}

async function stop(server: Bun.Server<undefined>, { timeoutMs, ending, log }: Stop): Promise<void> {
  const outcome = await within(server.stop(), timeoutMs, 'late')
  if (outcome !== 'late') return
  log.warn('requests cut by the stop', { requests: server.pendingRequests })
  ending.abort()
  await server.stop(true)
}
