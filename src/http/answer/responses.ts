/** Content-Length is always written by hand: Bun leaves it out of a HEAD, and tests without a socket see it too. */

export type HeaderFields = Readonly<Record<string, string>>

/** An answer as plain data: the pipeline adds what every answer has, and makes one Response of it. */
export interface PlainResponse {
  readonly status: number
  readonly headers: HeaderFields
  readonly body: Body
}

type Body = Uint8Array | Blob | ReadableStream<Uint8Array> | null

/** Bodies from here on may not fit into the buffers of the kernel. */
const LARGE_BYTES = 1024 * 1024

/** What sending an answer takes. */
export interface Sending {
  /** The server opens a file or a connection for the body. */
  readonly opens: boolean
  /** A client that does not read may keep the answer from ending. */
  readonly isLong: boolean
  /** The body, if it is a stream. */
  readonly stream: ReadableStream<Uint8Array> | undefined
}

const AT_ONCE: Sending = { opens: false, isLong: false, stream: undefined }
/** Of the answers that are not sent at once. */
const SENDINGS = new WeakMap<Response, Sending>()

export function responseOf({ status, headers, body }: PlainResponse): Response {
  const response = new Response(body, { status, headers })
  if (body === null) return response
  const opens = !(body instanceof Uint8Array)
  const isLong = Number(headers['Content-Length'] ?? Number.POSITIVE_INFINITY) >= LARGE_BYTES
  const stream = body instanceof ReadableStream ? body : undefined
  if (opens || isLong) SENDINGS.set(response, { opens, isLong, stream })
  return response
}

export function sendingOf(response: Response): Sending {
  return SENDINGS.get(response) ?? AT_ONCE
}

export function emptyResponse(status: number, headers: HeaderFields = {}): PlainResponse {
  return { status, headers: { 'Content-Length': '0', ...headers }, body: null }
}

/** 204 and 304 have no body and thus no length (RFC 9110 section 8.6). */
export function bodilessResponse(status: 204 | 304, headers: HeaderFields): PlainResponse {
  return { status, headers, body: null }
}

export function jsonResponse(value: unknown, headers: HeaderFields = {}, status = 200): PlainResponse {
  return jsonTextResponse(JSON.stringify(value), headers, status)
}

/** `text` is JSON already. */
export function jsonTextResponse(text: string, headers: HeaderFields = {}, status = 200): PlainResponse {
  const body = new TextEncoder().encode(text)
  return {
    status,
    headers: { 'Content-Type': 'application/json', 'Content-Length': String(body.length), ...headers },
    body,
  }
}

/** RFC 7234 section 5.5.2: what is here is served, because another server could not be asked. Undefined: nothing is to be warned of. */
export function warningOf(text: string | undefined): HeaderFields {
  return text === undefined ? {} : { Warning: `111 - "${text}"` }
}
