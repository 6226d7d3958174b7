import type { Connection, Handler } from '../pipeline.ts'

/** A bad Host leaves the bare path (see the pipeline). */
const AUTHORITY = /^(?:https?:\/\/[^/]*)?\/ca\.crt(?:\?.*)?$/

/**
 * Hands out the certificate of the private authority at `/ca.crt`, to everyone: it is no secret, and a client that needs it has no
 * reason yet to send a password. Everything else goes on, also this where there is no such authority.
 */
export function withAuthority(authority: () => string | undefined, handler: Handler): Handler {
  return async (request: Request, connection: Connection) => {
    const certificate = isRead(request) && AUTHORITY.test(request.url) ? authority() : undefined
    if (certificate === undefined) return await handler(request, connection)
    const headers = {
      'Content-Type': 'application/x-pem-file',
      'Content-Length': String(certificate.length),
      'Content-Disposition': 'attachment; filename="ca.crt"',
      'Cache-Control': 'no-cache',
    }
    return new Response(request.method === 'HEAD' ? null : certificate, { headers })
  }
}

function isRead({ method }: Request): boolean {
  return method === 'GET' || method === 'HEAD'
}
