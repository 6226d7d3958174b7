/** How its name begins. */
export const SESSION_COOKIE = 'berth_session'

/** Where the page lies for a browser. */
export interface CookiePlace {
  /** Scheme and host that the browser used. */
  readonly origin: string
  /** The path below which the page lies: the cookie is sent there alone. */
  readonly home: string
}

/**
 * A cookie has no port and no scheme, and so its name has them: the sessions of two registries on one host stand side by side. A browser takes a name
 * that begins with `__Host-` from this host alone, by HTTPS.
 */
function nameFor({ origin, home }: CookiePlace): string {
  const { protocol, port } = new URL(origin)
  const guard = home === '/' ? '__Host-' : '__Secure-'
  return `${protocol === 'https:' ? guard : ''}${SESSION_COOKIE}${port === '' ? '' : `_${port}`}`
}

/** What of a session the browser keeps and sends. */
export function sessionIn(headers: Headers, place: CookiePlace): string | undefined {
  const begin = `${nameFor(place)}=`
  const cookies = (headers.get('cookie') ?? '').split(';').map((cookie) => cookie.trim())
  const session = cookies.find((cookie) => cookie.startsWith(begin))?.slice(begin.length)
  return session !== undefined && /^[A-Za-z0-9._-]+$/.test(session) ? session : undefined
}

/**
 * Code in a browser cannot read it. Forms and requests of other sites are sent without it; a link from one is followed with it, so that an address
 * that a colleague sent shows what it names.
 */
export function sessionCookie(token: string, lifetimeSeconds: number, place: CookiePlace): string {
  const secure = place.origin.startsWith('https://') ? '; Secure' : ''
  return `${nameFor(place)}=${token}; Path=${place.home}; Max-Age=${lifetimeSeconds}; HttpOnly; SameSite=Lax${secure}`
}

export function endedSessionCookie(place: CookiePlace): string {
  return sessionCookie('', 0, place)
}
