/** Content-Length is always written by hand: Bun leaves it out of a HEAD, and tests without a socket see it too. */

export type HeaderFields = Readonly<Record<string, string>>

/** An answer as plain data: the pipeline adds what every answer has, and makes one Response of it. */
export interface PlainResponse {
  readonly status: number
  readonly headers: HeaderFields
  readonly body: Body
}

type Body = Uint8Array | Blob | ReadableStream<Uint8Array> | null

/** Answers whose body is not in memory: the server opens a file or a connection to send it. */
const OPENING = new WeakSet<Response>()

export function responseOf({ status, headers, body }: PlainResponse): Response {
  const response = new Response(body, { status, headers })
  if (body !== null && !(body instanceof Uint8Array)) OPENING.add(response)
  return response
}

/** False where the whole body is in memory: sending it needs no descriptor. */
export function needsDescriptor(response: Response): boolean {
  return OPENING.has(response)
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
