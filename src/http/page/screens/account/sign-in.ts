import { RegistryError } from '../../../../oci/errors.ts'
import { emptyResponse, type PlainResponse } from '../../../answer/responses.ts'
import type { Call } from '../../../call.ts'
import { readForm } from '../../../request/form.ts'
import { guardsOf, pageResponse } from '../../document.ts'
import type { OwnPage, SignOutPage } from '../../page-routes.ts'
import { endedSessionCookie, sessionCookie } from '../../session-cookie.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { signInScreen } from './sign-in-form.ts'

/** `GET /ui/-/sign-in` */
export async function showSignIn(call: Call<OwnPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  return await pageResponse(site, signInScreen(site, { to: call.route.query.get('to') ?? '', error: undefined }))
}

/** `POST /ui/-/sign-in`. Throws AccessRefusal as a login does */
export async function signIn(call: Call<OwnPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  if (site.signIn.kind !== 'password') throw new RegistryError('DENIED', { message: 'Nobody signs in to this page.' })
  const form = await readForm(call.request)
  const { client, proxy } = call.connection
  const [name, password] = [form.get('name') ?? '', form.get('password') ?? '']
  const { token, lifetimeSeconds } = await site.signIn.sessions.begin(name, password, { client, proxy })
  return leadTo(site, destination(call.route.query.get('to'), site), sessionCookie(token, lifetimeSeconds, site))
}

/** `POST /ui/-/sign-out` */
export async function signOut(call: Call<SignOutPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  return leadTo(site, site.home, endedSessionCookie(site))
}

function leadTo(site: Site, location: string, cookie: string): PlainResponse {
  return emptyResponse(303, { ...guardsOf(site), Location: location, 'Set-Cookie': cookie })
}

/** A path of this registry, and nothing else: dots may leave two slashes at its beginning, which a browser takes for another host. */
function destination(to: string | null, { home, origin }: Site): string {
  if (to === null || !URL.canParse(to, origin)) return home
  const { pathname, search, origin: target } = new URL(to, origin)
  const isHere = target === new URL(origin).origin && pathname.startsWith(home) && !pathname.startsWith('//')
  return isHere ? pathname + search : home
}
