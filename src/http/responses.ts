/** Content-Length is always written by hand: Bun leaves it out of a HEAD, and tests without a socket see it too. */

export type HeaderFields = Readonly<Record<string, string>>

export function emptyResponse(status: number, headers: HeaderFields = {}): Response {
  return new Response(null, { status, headers: { 'Content-Length': '0', ...headers } })
}

/** 204 and 304 have no body and thus no length (RFC 9110 section 8.6). */
export function bodilessResponse(status: 204 | 304, headers: HeaderFields): Response {
  return new Response(null, { status, headers })
}

export function jsonResponse(value: unknown, headers: HeaderFields = {}, status = 200): Response {
  const bytes = new TextEncoder().encode(JSON.stringify(value))
  return new Response(bytes, {
    status,
    headers: { 'Content-Type': 'application/json', 'Content-Length': String(bytes.length), ...headers },
  })
}
