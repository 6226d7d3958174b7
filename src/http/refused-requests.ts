import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Log } from '../observe/log.ts'

interface Refusal {
  readonly status: string
  readonly reason: string
}

/** By the runtime's codes. What else its parser does not take is no HTTP. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: { status: '431 Request Header Fields Too Large', reason: 'its headers are too long' },
  HPE_INVALID_VERSION: { status: '505 HTTP Version Not Supported', reason: 'its version of HTTP is none' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: '408 Request Timeout', reason: 'its headers took too long' },
}
const MALFORMED: Refusal = { status: '400 Bad Request', reason: 'it is no HTTP request, perhaps TLS on a port without it' }

/**
 * Answers what never becomes a request, because its parser refuses it, and leaves a line in the log. Bun's own server does the former
 * alone, and tells of nothing.
 */
export function answerRefused(server: Server, log: Log): void {
  server.on('clientError', (error: Error, socket: Duplex) => {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
    if (code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    const { status, reason } = REFUSALS[code] ?? MALFORMED
    const client = 'remoteAddress' in socket ? String(socket.remoteAddress).replace(/^::ffff:/, '') : undefined
    log.warn('request refused before it was read', { status: Number(status.slice(0, 3)), reason, client })
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  })
}
