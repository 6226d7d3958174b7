import { RegistryError } from '../../../oci/errors.ts'
import { emptyResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { readForm } from '../../request/form.ts'
import { originOf } from '../../request/origin.ts'
import type { Route } from '../../routes.ts'
import { guardsOf, pageResponse } from '../document.ts'
import type { SignInPage, SignOutPage } from '../page-routes.ts'
import { endedSessionCookie, sessionCookie } from '../session-cookie.ts'
import type { Site } from '../site.ts'
import { siteOf } from '../site-of.ts'
import { signInScreen } from './sign-in-form.ts'

/** `GET /ui/-/sign-in` */
export async function showSignIn(call: Call<SignInPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  return await pageResponse(site, signInScreen(site, { to: call.route.query.get('to') ?? '', error: undefined }))
}

/** `POST /ui/-/sign-in`. Throws AccessRefusal as a login does, and DENIED for a form of another site. */
export async function signIn(call: Call<SignInPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  requireOwnForm(call, site)
  if (site.signIn.kind !== 'password') throw new RegistryError('DENIED', { message: 'Nobody signs in to this page.' })
  const form = await readForm(call.request)
  const { client, proxy } = call.connection
  const [name, password] = [form.get('name') ?? '', form.get('password') ?? '']
  const { token, lifetimeSeconds } = await site.signIn.sessions.begin(name, password, { client, proxy })
  return leadTo(site, destination(call.route.query.get('to'), site), sessionCookie(token, lifetimeSeconds, cookieOptions(site)))
}

/** `POST /ui/-/sign-out`. Throws DENIED for a form of another site. */
export async function signOut(call: Call<SignOutPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  requireOwnForm(call, site)
  return leadTo(site, site.home, endedSessionCookie(cookieOptions(site)))
}

function leadTo(site: Site, location: string, cookie: string): PlainResponse {
  return emptyResponse(303, { ...guardsOf(site), Location: location, 'Set-Cookie': cookie })
}

function cookieOptions({ home, isEncrypted }: Site) {
  return { path: home, isEncrypted }
}

/**
 * Browsers say where a form comes from, and no page can make them say something else: in Sec-Fetch-Site, which they send over HTTPS, and in
 * Origin. A request that says nothing is no browser's, and has no business here.
 */
function requireOwnForm({ request, connection }: Pick<Call<Route>, 'request' | 'connection'>, { origin }: Site): void {
  const from = request.headers.get('sec-fetch-site')
  const own = [origin, originOf(request, connection.forwarded)]
  if (from === null ? own.includes(request.headers.get('origin') ?? '') : from === 'same-origin') return
  throw new RegistryError('DENIED', {
    message:
      'The form came from another site, or through a proxy that does not say which host you asked; open this page again and send it from there.',
  })
}

/** A path of this registry, and nothing else: dots may leave two slashes at its beginning, which a browser takes for another host. */
function destination(to: string | null, { home, origin }: Site): string {
  if (to === null || !URL.canParse(to, origin)) return home
  const { pathname, search, origin: target } = new URL(to, origin)
  const isHere = target === new URL(origin).origin && pathname.startsWith(home) && !pathname.startsWith('//')
  return isHere ? pathname + search : home
}
