import type { Log } from '../observe/log.ts'
import { RegistryError } from '../oci/errors.ts'
import { errorResponse, statusOf } from './error-response.ts'

/** Where a request came from. */
export interface Connection {
  /** The address of the peer; undefined on a unix socket. */
  readonly client: string | undefined
}

export type Handler = (request: Request, connection: Connection) => Promise<Response>

interface PipelineOptions {
  readonly log: Log
  /** Whether each request gets a line; failures of ours always do. */
  readonly accessLog: boolean
  /** `http.headers`: added to every answer that does not set them itself. */
  readonly headers: Readonly<Record<string, readonly string[]>>
}

/** What every request goes through: a request id, errors as answers, headers that are always there, one line in the log. Never throws. */
export function createPipeline(answer: (request: Request, url: URL) => Promise<Response>, options: PipelineOptions): Handler {
  const { log, accessLog, headers } = options
  return async (request, connection) => {
    const startedAt = performance.now()
    const requestId = crypto.getRandomValues(new Uint8Array(8)).toHex()
    const outcome = await outcomeOf(answer, request, requestId)
    const response = request.method === 'HEAD' ? await withoutBody(outcome.response) : outcome.response
    addHeaders(response.headers, headers, requestId, outcome.path)
    logFailure(log, outcome, requestId)
    if (accessLog) {
      const durationMs = performance.now() - startedAt
      logAccess(log, { request, connection, requestId, path: outcome.path, response, durationMs })
    }
    return response
  }
}

interface Outcome {
  readonly path: string
  readonly response: Response
  /** What made the answer an error. */
  readonly error?: RegistryError
}

async function outcomeOf(
  answer: (request: Request, url: URL) => Promise<Response>,
  request: Request,
  requestId: string,
): Promise<Outcome> {
  let path = request.url
  try {
    const url = parseUrl(request.url)
    path = url.pathname + url.search
    return { path, response: await answer(request, url) }
  } catch (cause) {
    if (isGone(request, cause)) return { path, response: new Response(null, { status: CLIENT_CLOSED_REQUEST }) }
    const error = cause instanceof RegistryError ? cause : new RegistryError('UNKNOWN', { cause })
    return { path, response: errorResponse(error, requestId), error }
  }
}

/** With a bad or missing Host header Bun hands over the raw target, which the fixed base makes a URL of, if anything can. */
function parseUrl(text: string): URL {
  try {
    return new URL(text, 'http://invalid')
  } catch (cause) {
    throw new RegistryError('NAME_INVALID', { message: 'The request target is not a valid path.', cause })
  }
}

/** For the log alone: the client is not there to read it. */
const CLIENT_CLOSED_REQUEST = 499

/** A body that ends early is the client's doing, also where it shows as a wrong size or digest. Anything else stays a failure. */
function isGone(request: Request, error: unknown): boolean {
  if (!request.signal.aborted) return false
  return error instanceof RegistryError ? statusOf(error) < 500 : error instanceof Error && error.name === 'AbortError'
}

/** The answer to a HEAD. Bun adds a Date to everything but this. */
async function withoutBody(response: Response): Promise<Response> {
  await response.body?.cancel()
  const bodiless = new Response(null, { status: response.status, headers: response.headers })
  bodiless.headers.set('Date', new Date().toUTCString())
  return bodiless
}

function addHeaders(headers: Headers, configured: PipelineOptions['headers'], requestId: string, path: string): void {
  for (const [name, values] of Object.entries(configured)) {
    if (!headers.has(name)) for (const value of values) headers.append(name, value)
  }
  headers.set('X-Request-Id', requestId)
  if (path !== '/') headers.set('Docker-Distribution-Api-Version', 'registry/2.0')
}

/** Only failures of our own get a line beside the one of the request. */
function logFailure(log: Log, { error, path }: Outcome, requestId: string): void {
  if (error === undefined || statusOf(error) < 500) return
  const fields = { requestId, path, code: error.code, error: error.cause ?? error }
  if (error.code === 'UNAVAILABLE') log.warn('request refused for now', fields)
  else log.error('request failed', fields)
}

interface Access {
  readonly request: Request
  readonly connection: Connection
  readonly requestId: string
  readonly path: string
  readonly response: Response
  readonly durationMs: number
}

/** The answer to a load balancer's probe of `/` is not worth a line. */
function logAccess(log: Log, { request, connection, requestId, path, response, durationMs }: Access): void {
  const write = path === '/' ? log.debug : log.info
  const length = response.headers.get('content-length')
  write.call(log, 'request', {
    method: request.method,
    path: path.slice(0, 2000),
    status: response.status,
    bytes: request.method === 'HEAD' || length === null ? 0 : Number(length),
    durationMs: Math.round(durationMs * 1000) / 1000,
    client: connection.client,
    forwardedFor: request.headers.get('x-forwarded-for') ?? undefined,
    userAgent: request.headers.get('user-agent') ?? undefined,
    requestId,
  })
}
