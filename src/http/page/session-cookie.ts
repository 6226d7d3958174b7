/** Its name. */
export const SESSION_COOKIE = 'berth_session'
const COOKIE = new RegExp(`(?:^|;)\\s*${SESSION_COOKIE}=([A-Za-z0-9._-]+)\\s*(?:;|$)`)

/** What of a session the browser keeps and sends. */
export function sessionIn(headers: Headers): string | undefined {
  return COOKIE.exec(headers.get('cookie') ?? '')?.[1]
}

interface CookieOptions {
  /** Where the page lies: the cookie is sent there alone. */
  readonly path: string
  readonly isEncrypted: boolean
}

/**
 * Code in a browser cannot read it. Forms and requests of other sites are sent without it; a link from one is followed with it, so that an address
 * that a colleague sent shows what it names.
 */
export function sessionCookie(token: string, lifetimeSeconds: number, { path, isEncrypted }: CookieOptions): string {
  const secure = isEncrypted ? '; Secure' : ''
  return `${SESSION_COOKIE}=${token}; Path=${path}; Max-Age=${lifetimeSeconds}; HttpOnly; SameSite=Lax${secure}`
}

export function endedSessionCookie(options: CookieOptions): string {
  return sessionCookie('', 0, options)
}
