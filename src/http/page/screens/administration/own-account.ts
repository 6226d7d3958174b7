import { z } from 'zod'
import { callerName, type Permit } from '../../../../access/access.ts'
import { RegistryError } from '../../../../oci/errors.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { accountName, administrationOf, changed, password } from '../../../api/accounts/accounts.ts'
import type { Call } from '../../../call.ts'
import { readForm } from '../../../request/form.ts'
import { pageResponse, seeOther } from '../../document.ts'
import type { OwnPage } from '../../page-routes.ts'
import { sessionCookie } from '../../session-cookie.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { known } from '../../text/image-words.ts'
import { listText } from '../../text/words.ts'
import { afterForm, fieldsIn, isAdmin, type Told, toldAbove, toldStatus } from './form.ts'
import { makeRobot, revokeRobot, robotsPart } from './robots.ts'

const MOST_NAMED = 20
const OWN = z.object({ name: accountName, password })

/** `GET /ui/-/account`: the caller, its password and its robots. */
export async function showAccount(call: Call<OwnPage>): Promise<PlainResponse> {
  return await accountScreen(call)
}

/** `POST /ui/-/account` */
export async function changeAccount(call: Call<OwnPage>): Promise<PlainResponse> {
  administrationOf(call)
  const form = await readForm(call.request)
  const screen = (told: Told) => accountScreen(call, told)
  switch (form.get('do')) {
    case 'password':
      return await afterForm(() => changePassword(call, form), screen)
    case 'robot':
      return await afterForm(async () => screen({ said: await makeRobot(call, form) }), screen)
    case 'revoke':
      return await afterForm(() => revokeRobot(call, form), screen)
    default:
      return await accountScreen(call)
  }
}

/** A session alone is not enough: the reader may have left it open. Every other session ends, and this one goes on. */
async function changePassword(call: Call<OwnPage>, form: URLSearchParams): Promise<PlainResponse> {
  const { users } = administrationOf(call)
  const site = siteOf(call)
  const { caller } = call.permit
  if (caller.kind !== 'user' || site.signIn.kind !== 'password')
    throw new RegistryError('DENIED', { message: 'Only users have a password to change.' })
  const { sessions } = site.signIn
  const from = { client: call.connection.client, proxy: call.connection.proxy }
  await sessions.begin(caller.name, form.get('old') ?? '', from)
  const { name, password: secret } = fieldsIn({ name: caller.name, password: form.get('new') ?? '' }, OWN)
  await changed(call, [{ kind: 'user', name }], () => users.setPassword(name, secret))
  const { token, lifetimeSeconds } = await sessions.begin(name, secret, from)
  return seeOther(site, site.own('account'), { 'Set-Cookie': sessionCookie(token, lifetimeSeconds, site) })
}

async function accountScreen(call: Call<OwnPage>, told: Told = {}): Promise<PlainResponse> {
  administrationOf(call)
  const site = siteOf(call)
  const { caller } = call.permit
  const groups = caller.kind === 'user' ? caller.groups : []
  const main = html`<h1>${callerName(caller) ?? 'Account'}</h1>
${toldAbove(told)}
${known([
  ['Groups', groups.length === 0 ? 'none' : listText(groups, MOST_NAMED)],
  ['Admin', isAdmin(call.permit) && 'yes: may change accounts and webhooks'],
])}
${administrationLinks(site, call.permit)}
${passwordForm(site, call.permit)}
${await robotsPart(call, site)}`
  return await pageResponse(site, { title: 'Account', main }, { status: toldStatus(told) })
}

/** Where else accounts are looked at. */
function administrationLinks(site: Site, permit: Permit): Html {
  const links = isAdmin(permit) ? (['users', 'groups', 'rules', 'webhooks'] as const) : (['rules'] as const)
  const words = { users: 'Users', groups: 'Groups', rules: 'Rules', webhooks: 'Webhooks' }
  return html`<nav class="parts" aria-label="Administration">${links.map((name) => html`<a href="${site.own(name)}">${words[name]}</a> `)}</nav>`
}

function passwordForm(site: Site, { caller }: Permit): Html | undefined {
  if (caller.kind !== 'user' || site.signIn.kind !== 'password') return undefined
  return html`<h2>Password</h2>
<form class="text" method="post" action="${site.own('account')}"><input type="hidden" name="do" value="password"><input type="hidden" name="username" autocomplete="username" value="${caller.name}">
<label>Password by now <input name="old" type="password" autocomplete="current-password" required></label>
<label>New password <input name="new" type="password" autocomplete="new-password" required maxlength="72"></label>
<div class="buttons"><button>Set the password</button></div>
</form>`
}
