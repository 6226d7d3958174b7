import { z } from 'zod'
import type { Robot } from '../../../../access/accounts/account.ts'
import { formatScope } from '../../../../access/accounts/robot-scope.ts'
import { ownBeginning } from '../../../../access/administration/robots.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { accountName, administrationOf, changed } from '../../../api/accounts/accounts.ts'
import { NEW_ROBOT, newRobot, requireKeeper } from '../../../api/accounts/robots.ts'
import type { Call } from '../../../call.ts'
import { seeOther } from '../../document.ts'
import type { OwnPage } from '../../page-routes.ts'
import { command } from '../../pull-commands.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { timeOf, whenText } from '../../text/words.ts'
import { fieldsIn, isAdmin, rowForms, wordsIn } from './form.ts'

const ROWS = 100
const DAY_MS = 24 * 60 * 60 * 1000
const DAYS = ['30', '90', '365', 'never'] as const
const NAMED = z.object({ name: accountName })

/** The robots of the caller, of an admin all, and a form for another one. */
export async function robotsPart(call: Call<OwnPage>, site: Site): Promise<Html> {
  const { robots } = administrationOf(call)
  const keeper = requireKeeper(call)
  const after = call.route.query.get('after')?.slice(0, 64) ?? ''
  const { entries, next } = await robots.page(keeper, { after, limit: ROWS })
  return html`<h2>Robots</h2>
${entries.length === 0 ? html`<p>A robot pulls and pushes with a token of its own, which can do less than you may, ends, and can be revoked.</p>` : robotTable(site, entries)}
${next !== undefined && html`<nav class="more" aria-label="Pages"><a rel="next" href="${site.own('account', { after: next })}">Next ${ROWS}</a></nav>`}
${robotForm(site, { beginning: ownBeginning(keeper), isAdmin: isAdmin(call.permit) })}`
}

/** Gives the token, to be shown this once. Throws what the API throws. */
export async function makeRobot(call: Call<OwnPage>, form: URLSearchParams): Promise<Html> {
  const days = form.get('days') ?? ''
  const expires = days === 'never' ? null : new Date(Date.now() + (Number(days) || 90) * DAY_MS).toISOString()
  const said = { name: form.get('name') ?? '', scopes: wordsIn(form.get('scopes')), expires, own: form.get('of') !== 'registry' }
  const { robot, token } = await newRobot(call, fieldsIn(said, NEW_ROBOT))
  return html`<p>The token of ${robot.name}. It is not shown again.</p>${command(token)}<p class="quiet">docker login ${siteOf(call).host} --username ${robot.name}</p>`
}

export async function revokeRobot(call: Call<OwnPage>, form: URLSearchParams): Promise<PlainResponse> {
  const { robots } = administrationOf(call)
  const { name } = fieldsIn({ name: form.get('name') ?? '' }, NAMED)
  await changed(call, [{ kind: 'token', name }], () => robots.revoke(requireKeeper(call), name))
  const site = siteOf(call)
  return seeOther(site, site.own('account'))
}

function robotTable(site: Site, robots: readonly Robot[]): Html {
  const nowMs = Date.now()
  const rows = robots.map(({ name, owner, scopes, expiresAt, createdAt }) => {
    const may = scopes === undefined && (owner === undefined ? 'what the rules say' : `all that ${owner} may`)
    const endMs = expiresAt?.getTime() ?? Number.POSITIVE_INFINITY
    const ends = expiresAt === undefined ? 'never' : whenText(endMs, nowMs)
    const revoke = html`<form method="post" action="${site.own('account')}"><input type="hidden" name="do" value="revoke"><input type="hidden" name="name" value="${name}"><button class="danger">Revoke ${name}</button></form>`
    return html`<tr><td class="name"><code>${name}</code></td><td>${may || html`<code>${scopes?.map(formatScope).join(' ')}</code>`}</td><td>${timeOf(createdAt.getTime())}</td><td>${endMs <= nowMs ? 'has ended' : ends}</td>${rowForms(name, revoke)}</tr>
`
  })
  return html`<table class="rows"><thead><tr><th scope="col">Robot</th><th scope="col">May</th><th scope="col">Made</th><th scope="col">Ends</th><th scope="col"><span class="unseen">Change</span></th></tr></thead><tbody>${rows}</tbody></table>`
}

function robotForm(
  site: Site,
  { beginning, isAdmin: admin }: { readonly beginning: string | undefined; readonly isAdmin: boolean },
): Html {
  if (beginning === undefined && !admin)
    return html`<p class="quiet">Your name has signs that no name of a robot can have; ask an admin for a token.</p>`
  return html`<form class="text" method="post" action="${site.own('account')}"><input type="hidden" name="do" value="robot">
<label>Name of a new robot <input name="name" value="${beginning}" required maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false"></label>
<label>What it may do <input name="scopes" placeholder="team/**:pull,push" maxlength="2000" autocomplete="off" spellcheck="false"></label>
<p class="quiet">Left empty, all that its owner may.</p>
<label>Good for <select name="days">${DAYS.map((days) => html`<option value="${days}"${days === '90' && html` selected`}>${days === 'never' ? 'ever' : `${days} days`}</option>`)}</select></label>
${admin && html`<label><input type="checkbox" name="of" value="registry"> a robot of the registry, not your own</label>`}
<div class="buttons"><button>Make it</button></div>
</form>`
}
