import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../../observe/log.ts'
import { RegistryError } from '../../oci/errors.ts'
import { giveBack } from '../../registry/uploads/shared-piece.ts'
import { Turns } from '../../registry/uploads/turns.ts'
import { errorResponse, Refusal } from '../answer/error-response.ts'
import { responseOf, sendingOf } from '../answer/responses.ts'
import type { Handler } from '../pipeline.ts'
import { clientGone, IncomingBody } from '../request/incoming-body.ts'
import { urlOfTarget } from '../request/target.ts'
import { watchBody } from './body-watch.ts'
import type { Patience } from './patience.ts'
import { type Descriptors, plainAddress } from './server.ts'

const LOOK_EVERY_MS = 5_000
const WRITTEN_AT_ONCE_BYTES = 512 * 1024
/** Less than the kernel takes at once. */
export const SMALL_BYTES = 16 * 1024
/**
 * Nothing else uses the memory of chunks of this size: a body gives a copy, or gives its memory away. They are freed at once: the garbage collector lets
 * hundreds of half a megabyte pile up, and fresh pages for each new one take a third of the processor time of a pull. Smaller chunks may be parts of
 * memory that others use, and matter little.
 */
const GIVEN_BACK_BYTES = 64 * 1024

/** The kernel takes a millisecond for each 2 MiB: a hundred answers at once, each with half a MiB, held up every other request for 300. */
const turns = new Turns()

export interface ExchangeOptions {
  readonly handler: Handler
  readonly log: Log
  readonly patience: Patience
  readonly descriptors: Descriptors | undefined
  readonly scheme: 'http' | 'https'
  /** Aborts when the server cuts what still runs. */
  readonly ending: AbortSignal
}

/**
 * One request of node:http and its answer. An answer that cannot be sent whole is never made to look like one: the runtime sends
 * `200 OK` for a request or an answer that is destroyed before its headers have left, so what is cut is always the socket.
 */
export class StreamExchange {
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  readonly #options: ExchangeOptions
  readonly #body: IncomingBody | undefined
  readonly #gone = new AbortController()
  /** Since when the client has read nothing of what waits for it; undefined: nothing waits. */
  #writingSince: number | undefined
  #isCut = false
  readonly #ended = Promise.withResolvers<void>()

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, options: ExchangeOptions) {
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#options = options
    this.#body = hasBody(incoming) ? new IncomingBody(incoming) : undefined
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) this.#gone.abort(clientGone())
    })
    outgoing.on('error', () => undefined)
    incoming.on('error', () => undefined)
  }

  /** Its address and port; an empty address on a unix socket. */
  get client(): string {
    const { remoteAddress = '', remotePort = 0 } = this.#incoming.socket
    return `${plainAddress(remoteAddress)} ${remotePort}`
  }

  /** Resolves when its answer is in the kernel, or the client is gone. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { log, patience } = this.#options
    const timer = setInterval(() => this.#cutIfUnread(), Math.min(LOOK_EVERY_MS, patience.readerMs / 4))
    try {
      const response = await this.#answer()
      if (sendingOf(response).opens) await this.#options.descriptors?.whenDescriptorIsFree()
      await this.#send(response)
    } catch (error) {
      // The status is gone already: that the answer broke off shows as a broken connection.
      if (!this.#gone.signal.aborted) log.error('an answer broke off', { path: this.#incoming.url, error })
      this.#cut()
    } finally {
      clearInterval(timer)
      this.#ended.resolve()
    }
  }

  /**
   * The connection goes on with what is no HTTP. Where that is after this request, its answer is sent first; where it is in the body, the
   * answer to it is that of the whole request, unless another one is on its way already.
   */
  followedByNonsense(refuse: () => void): void {
    if (this.#outgoing.writableEnded) refuse()
    else if (this.#incoming.complete) this.#outgoing.once('close', refuse)
    else if (this.#outgoing.headersSent) this.#cut()
    else refuse()
  }

  async #answer(): Promise<Response> {
    const { handler, log, patience, ending } = this.#options
    const client = this.#incoming.socket.remoteAddress?.replace(/^::ffff:/, '')
    try {
      const request = this.#request()
      const watch = this.#body && watchBody(request, { extend: () => undefined, writerMs: patience.writerMs })
      try {
        const answered: unknown = await handler(watch?.request ?? request, { client, ending })
        if (answered instanceof Response) return answered
        throw new Error('a handler ended without an answer')
      } finally {
        watch?.stop()
      }
    } catch (cause) {
      const requestId = crypto.randomUUID()
      const error = cause instanceof RegistryError ? cause : new RegistryError('UNKNOWN', { cause })
      if (error !== cause) log.error('request failed outside the pipeline', { requestId, error: cause })
      return responseOf(errorResponse(error, requestId))
    }
  }

  /** Throws a Refusal for a method that the runtime's Request does not have, of which it would make a GET. */
  #request(): Request {
    const { method = 'GET', url = '/', headers, rawHeaders } = this.#incoming
    const sent = new Headers()
    for (let index = 0; index < rawHeaders.length; index += 2) sent.append(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '')
    const target = urlOfTarget(url, { scheme: this.#options.scheme, host: headers.host })
    const body = method === 'GET' || method === 'HEAD' ? null : (this.#body?.stream ?? null)
    const request = new Request(target, { method, headers: sent, signal: this.#gone.signal, body })
    if (request.method === method) return request
    throw new Refusal('UNSUPPORTED', { status: 501, message: `${method} has no meaning here.` })
  }

  async #send(response: Response): Promise<void> {
    const length = Number(response.headers.get('content-length') ?? Number.POSITIVE_INFINITY)
    const isSmall = this.#body === undefined && length <= SMALL_BYTES && !sendingOf(response).opens
    if (isSmall) await this.#sendSmall(response, length)
    else await this.#sendStream(response)
  }

  /** In one write with its headers. */
  async #sendSmall(response: Response, length: number): Promise<void> {
    const bytes = await response.bytes()
    // Nothing would tell that what is written to a closed connection has left.
    if (this.#gone.signal.aborted) return
    if (bytes.length !== length && this.#incoming.method !== 'HEAD')
      throw new Error(`the body differs from its length by ${length - bytes.length} bytes`)
    this.#writeHead(response)
    await this.#inKernel((done) => (bytes.length === 0 ? this.#outgoing.end(done) : this.#outgoing.end(bytes, done)))
  }

  async #sendStream(response: Response): Promise<void> {
    const { body, headers } = response
    this.#writeHead(response)
    const declared = headers.get('content-length')
    let left = declared === null ? Number.POSITIVE_INFINITY : Number(declared)
    // A hundred that begin to read their files in one turn hold it up for 50 ms.
    if (body !== null && left > WRITTEN_AT_ONCE_BYTES) await turns.pass(WRITTEN_AT_ONCE_BYTES, () => true)
    for await (const bytes of body ?? []) {
      if (this.#gone.signal.aborted) return
      left -= bytes.length
      await this.#write(bytes)
    }
    if (body !== null && declared !== null && left !== 0) throw new Error(`the body differs from its length by ${left} bytes`)
    await this.#end()
  }

  #writeHead({ status, headers }: Response): void {
    // HTTP/1.1 keeps connections by default; the header is not needed.
    this.#outgoing.removeHeader('connection')
    this.#outgoing.writeHead(status, fieldsOf(headers))
  }

  /**
   * The client may still send what was refused. With the end of its answer the runtime may close the connection, and a client that
   * writes to a closed one may never read what it was told; so the rest is read first.
   */
  async #end(): Promise<void> {
    const isLast = this.#outgoing.getHeader('connection') === 'close'
    if (this.#body === undefined || this.#body.hasEnded || isLast) {
      this.#outgoing.end()
      return
    }
    this.#outgoing.flushHeaders()
    if (await this.#body.drain()) this.#outgoing.end()
    else this.#cut()
  }

  /** In pieces, so that a slow client is seen to move, and in turns with all other answers. */
  async #write(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length; start += WRITTEN_AT_ONCE_BYTES) {
      const piece = bytes.subarray(start, start + WRITTEN_AT_ONCE_BYTES)
      await turns.pass(piece.length, () => true)
      await this.#inKernel((done) => this.#outgoing.write(piece, done))
      if (this.#gone.signal.aborted) return
    }
    giveBack(bytes, { fromBytes: GIVEN_BACK_BYTES })
  }

  /** Until the kernel has the bytes, or the client is gone. Before that they must not be touched: they are sent from where they are. */
  async #inKernel(write: (done: () => void) => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#writingSince = performance.now()
    this.#outgoing.once('close', resolve)
    write(resolve)
    await promise
    this.#outgoing.off('close', resolve)
    this.#writingSince = undefined
  }

  #cutIfUnread(): void {
    const { log, patience } = this.#options
    if (this.#writingSince === undefined || performance.now() - this.#writingSince < patience.readerMs) return
    log.info('connection cut: the client reads nothing', { path: this.#incoming.url, seconds: patience.readerMs / 1000 })
    this.#cut()
  }

  #cut(): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#gone.abort(clientGone())
    this.#incoming.socket.destroy()
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return (headers['transfer-encoding'] ?? headers['content-length'] ?? '0') !== '0'
}

function fieldsOf(headers: Headers): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {}
  for (const [name, value] of headers) fields[name] = value
  return fields
}
