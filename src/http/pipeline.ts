import { AccessRefusal } from '../access/access.ts'
import type { Exchange, HandlerName, RequestObserver } from '../observe/exchange.ts'
import type { Log } from '../observe/log.ts'
import { RegistryError, unavailable } from '../oci/errors.ts'
import { errorResponse, OutOfRotation, statusOf } from './answer/error-response.ts'
import { type HeaderFields, type PlainResponse, responseOf } from './answer/responses.ts'
import { parseTarget, requireHost, type Target } from './request/target.ts'

/** Where a request came from. */
export interface Connection {
  /** The client's address: the peer's, or the one that a trusted proxy names; undefined on a unix socket. */
  readonly client: string | undefined
  /** The peer, where that is a proxy that names its client. */
  readonly proxy?: string | undefined
  /** What that proxy says the client asked for. */
  readonly forwarded?: Forwarded
  /** Aborts when the server cuts what is still running at its stop. */
  readonly ending?: AbortSignal
}

/** What a proxy says its client asked for, as far as it said so. */
export interface Forwarded {
  readonly scheme: 'http' | 'https' | undefined
  /** With its port, where it needs one. */
  readonly host: string | undefined
}

export type Handler = (request: Request, connection: Connection) => Promise<Response>

export interface PipelineOptions {
  readonly log: Log
  /** They are told of each request, in this order. */
  readonly observers: readonly RequestObserver[]
  /** `http.headers`: added to every answer that does not set them itself. */
  readonly headers: Readonly<Record<string, readonly string[]>>
}

/** A request on its way. */
export interface IncomingRequest {
  readonly request: Request
  readonly url: Target
  readonly connection: Connection
  /** As the answer and the log name it. */
  readonly requestId: string
}

/** Finds what a request is about. Throws NAME_UNKNOWN where nothing is. */
export type Find = (incoming: IncomingRequest) => Found

/** What a request is about. Each step gives what logs and metrics tell, also where the next one fails, and the way on. */
export interface Found {
  readonly handler: HandlerName
  identify(): Promise<Identified>
  /** How an error is answered; undefined: as the API answers one. */
  readonly failed?: ((failure: Failure) => Promise<PlainResponse>) | undefined
}

export interface Failure {
  readonly error: RegistryError
  readonly requestId: string
  readonly caller: string | undefined
}

export interface Identified {
  /** Undefined: a caller without a name. */
  readonly caller: string | undefined
  /** Throws AccessRefusal where the access rules do not allow the request. */
  answer(): Promise<PlainResponse>
}

/** What every request goes through: a request id, errors as answers, headers that are always there, observers. Never throws. */
export function createPipeline(find: Find, options: PipelineOptions): Handler {
  const { log, observers } = options
  const configured = Object.entries(options.headers)
  const early = observers.filter(({ routed }) => routed !== undefined)
  return async (request, connection) => {
    const startedAtMs = Date.now()
    const startedAt = performance.now()
    const requestId = crypto.getRandomValues(new Uint8Array(8)).toHex()
    const outcome = await outcomeOf(find, { request, connection }, { requestId, observers: early, log })
    const { answer } = outcome
    if (request.method === 'HEAD' && answer.body instanceof ReadableStream) await answer.body.cancel()
    const response = responseOf(completed(outcome, request.method, requestId))
    for (const [name, values] of configured) addHeader(response.headers, name, values)
    logFailure(log, outcome, requestId)
    if (observers.length > 0) {
      const durationMs = performance.now() - startedAt
      const exchange = exchangeOf(outcome, { request, requestId, connection, startedAtMs, durationMs })
      for (const observer of observers) tell(log, () => observer.ended(exchange))
    }
    return response
  }
}

interface Outcome {
  /** Path and query. */
  readonly target: string
  readonly handler: HandlerName | undefined
  readonly caller: string | undefined
  readonly answer: PlainResponse
  /** What made the answer an error. */
  readonly error?: RegistryError
}

async function outcomeOf(
  find: Find,
  { request, connection }: Pick<IncomingRequest, 'request' | 'connection'>,
  { requestId, observers, log }: { readonly requestId: string } & Pick<PipelineOptions, 'observers' | 'log'>,
): Promise<Outcome> {
  let target = request.url
  let found: Found | undefined
  let caller: string | undefined
  try {
    const url = parseTarget(request.url)
    target = url.pathname + url.search
    requireHost(request.headers)
    found = find({ request, url, connection, requestId })
    const { handler } = found
    for (const observer of observers) tell(log, () => observer.routed?.(handler))
    const identified = await found.identify()
    caller = identified.caller
    return { target, handler, caller, answer: await identified.answer() }
  } catch (cause) {
    const facts = { target, handler: found?.handler, caller }
    const isCut = isGone(request, cause)
    const isStopping = connection.ending?.aborted === true
    if (isCut && !isStopping) return { ...facts, answer: { status: CLIENT_CLOSED_REQUEST, headers: {}, body: null } }
    const error = isCut ? stopping(cause) : asRegistryError(cause)
    return { ...facts, answer: await failureAnswer(found, { error, requestId, caller }), error }
  }
}

async function failureAnswer(found: Found | undefined, failure: Failure): Promise<PlainResponse> {
  return (await found?.failed?.(failure)) ?? errorResponse(failure.error, failure.requestId)
}

/** An observer that throws does not change the answer. */
function tell(log: Log, observe: () => void): void {
  try {
    observe()
  } catch (error) {
    log.error('a request was not recorded', { error })
  }
}

/** For the log alone: the client is not there to read it. */
const CLIENT_CLOSED_REQUEST = 499

/** A body that ends early is the client's doing, also where it shows as a wrong size or digest. Anything else stays a failure. */
function isGone(request: Request, error: unknown): boolean {
  if (!request.signal.aborted) return false
  return error instanceof RegistryError ? statusOf(error) < 500 : error instanceof Error && error.name === 'AbortError'
}

/** For the log alone as well: the connection is cut. */
function stopping(cause: unknown): RegistryError {
  return unavailable('The registry stops; send the request again.', { cause })
}

function asRegistryError(cause: unknown): RegistryError {
  return cause instanceof RegistryError ? cause : new RegistryError('UNKNOWN', { cause })
}

/** With what every answer has. */
function completed({ answer, target }: Outcome, method: string, requestId: string): PlainResponse {
  const { status, body } = answer
  const headers: Record<string, string> = { ...answer.headers, 'X-Request-Id': requestId }
  if (target !== '/') headers['Docker-Distribution-Api-Version'] = 'registry/2.0'
  if (method !== 'HEAD') return { status, headers, body }
  // Bun adds a Date to everything but this, and says of what has no length that it is empty.
  headers.Date = new Date().toUTCString()
  if (body instanceof ReadableStream && headers['Content-Length'] === undefined) headers['Transfer-Encoding'] = 'chunked'
  return { status, headers, body: null }
}

function addHeader(headers: Headers, name: string, values: readonly string[]): void {
  if (!headers.has(name)) for (const value of values) headers.append(name, value)
}

/** Only failures of our own get a line beside the one of the request. */
function logFailure(log: Log, { error, target }: Outcome, requestId: string): void {
  if (error === undefined || statusOf(error) < 500 || error instanceof OutOfRotation) return
  const fields = { requestId, path: target, code: error.code, error: error.cause ?? error }
  if (error.code === 'UNAVAILABLE') log.warn('request refused for now', fields)
  else log.error('request failed', fields)
}

interface Facts extends Pick<Exchange, 'request' | 'requestId' | 'startedAtMs' | 'durationMs'> {
  readonly connection: Connection
}

function exchangeOf({ target, handler, caller, answer, error }: Outcome, facts: Facts): Exchange {
  const { request, requestId, connection, startedAtMs, durationMs } = facts
  return {
    request,
    requestId,
    target,
    handler,
    caller,
    startedAtMs,
    durationMs,
    client: connection.client,
    proxy: connection.proxy,
    status: answer.status,
    answeredBytes: request.method === 'HEAD' ? 0 : lengthOf(answer.headers),
    errorCode: error?.code,
    denial: error instanceof AccessRefusal ? { reason: error.reason, claimed: error.claimed } : undefined,
  }
}

function lengthOf({ 'Content-Length': length }: HeaderFields): number | undefined {
  return length === undefined ? undefined : Number(length)
}
