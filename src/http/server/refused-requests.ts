import { STATUS_CODES } from 'node:http'
import type { Log } from '../../observe/log.ts'
import { errorResponse, Refusal } from '../answer/error-response.ts'
import type { PlainResponse } from '../answer/responses.ts'
import { MOST_HEADER_BYTES } from './header-size.ts'

/** The part of a socket that an answer without a handler needs. */
export interface ClientSocket {
  readonly writable: boolean
  readonly remoteAddress?: string | undefined
  end(text: string): unknown
  destroy(): unknown
}

/**
 * Answers a client whose bytes the runtime's HTTP parser has refused, so that no handler sees a request, and closes the connection. The
 * answer is an OCI error body with the status that fits the parser's error `code` (`HPE_…`, as node:http names them).
 */
export function refuseUnread(socket: ClientSocket, code: string, log: Log): void {
  // The client has gone, or closed its side in the middle of a request: an answer would reach no client.
  if (!socket.writable || code === 'HPE_INVALID_EOF_STATE' || code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const answer = refuse(refusalOf(code), socket.remoteAddress?.replace(/^::ffff:/, ''), log)
  socket.end(messageOf(answer))
}

/** The 431 for a request whose headers are too large, with a line in the log; the caller sends it. */
export function refuseLargeHeaders(client: string | undefined, log: Log): PlainResponse {
  return refuse(largeHeaders(), client, log)
}

function refuse(refusal: Refusal, client: string | undefined, log: Log): PlainResponse {
  const requestId = crypto.randomUUID()
  log.warn('request refused before it was read', { requestId, client, status: refusal.status, reason: refusal.message })
  const { status, headers, body } = errorResponse(refusal, requestId)
  return { status, headers: { ...headers, 'X-Request-Id': requestId }, body }
}

function largeHeaders(): Refusal {
  const message = `The headers are larger than ${MOST_HEADER_BYTES / 1024} KiB, or too many; log in again for a shorter token, or send fewer of them.`
  return new Refusal('SIZE_INVALID', { status: 431, message, detail: { maxBytes: MOST_HEADER_BYTES } })
}

function refusalOf(code: string): Refusal {
  if (code === 'HPE_HEADER_OVERFLOW') return largeHeaders()
  if (code.includes('CHUNK')) {
    return new Refusal('SIZE_INVALID', {
      message: 'The body is not in chunks as Transfer-Encoding says; send the request again.',
    })
  }
  if (code === 'HPE_INVALID_VERSION') {
    return new Refusal('UNSUPPORTED', { status: 505, message: 'Only HTTP/1.1 and HTTP/1.0 are spoken here.' })
  }
  return new Refusal('UNSUPPORTED', {
    status: 400,
    message: 'This is no HTTP request, perhaps TLS on a port without it.',
    detail: { code },
  })
}

function messageOf({ status, headers, body }: PlainResponse): string {
  const fields = { ...headers, Date: new Date().toUTCString(), Connection: 'close' }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  return `${[`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines].join('\r\n')}\r\n\r\n${textOf(body)}`
}

function textOf(body: unknown): string {
  return body instanceof Uint8Array ? new TextDecoder().decode(body) : ''
}
