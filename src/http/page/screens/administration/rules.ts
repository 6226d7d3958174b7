import { formatWho } from '../../../../access/administration/permissions.ts'
import { findRepositoryName } from '../../../../oci/name.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { askedCallerOf, findAskedCaller } from '../../../api/accounts/account.ts'
import { administrationOf } from '../../../api/accounts/accounts.ts'
import type { Call } from '../../../call.ts'
import { pageResponse } from '../../document.ts'
import type { OwnPage } from '../../page-routes.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { known } from '../../text/image-words.ts'
import { isAdmin } from './form.ts'

/** `GET /ui/-/rules`: what a caller may do in a repository and by which rule; for admins all rules. */
export async function showRules(call: Call<OwnPage>): Promise<PlainResponse> {
  const { rules, admins } = administrationOf(call)
  const site = siteOf(call)
  const admin = isAdmin(call.permit)
  const rows = rules.all.map(
    ({ who, repositories, can }, place) =>
      html`<tr><td class="number">${place + 1}</td><td><code>${who.map(formatWho).join(' ')}</code></td><td><code>${repositories.map(({ text }) => text).join(' ')}</code></td><td>${can.join(', ') || 'nothing'}</td></tr>
`,
  )
  const main = html`<h1>Rules</h1>
${questionForm(call, site)}
${await answerOf(call)}
${
  admin &&
  html`<h2>All rules</h2><p>The first rule that is about the caller and the repository decides. They stand in the configuration.</p>
<table class="rows"><thead><tr><th scope="col" class="number">Rule</th><th scope="col">Callers</th><th scope="col">Repositories</th><th scope="col">May</th></tr></thead><tbody>${rows}</tbody></table>
<p class="quiet">Admins: <code>${admins.map(formatWho).join(' ') || 'none'}</code></p>`
}`
  return await pageResponse(site, { title: 'Rules', main })
}

function questionForm({ route, permit }: Call<OwnPage>, site: Site): Html {
  const { query } = route
  const who = isAdmin(permit)
    ? html`<label>Caller <input name="who" value="${query.get('who') ?? ''}" placeholder="user:alice, robot:ci, anonymous" maxlength="300" autocomplete="off" autocapitalize="none" spellcheck="false"></label>`
    : undefined
  return html`<form class="sides" action="${site.own('rules')}">${who}<label>${who === undefined ? 'What may I do in the repository' : 'Repository'} <input name="repository" value="${query.get('repository') ?? ''}" placeholder="team/app" maxlength="255" required autocomplete="off" autocapitalize="none" spellcheck="false"></label><button>Ask</button></form>`
}

async function answerOf(call: Call<OwnPage>): Promise<Html | undefined> {
  const { permissions } = administrationOf(call)
  const { query } = call.route
  const asked = (query.get('repository') ?? '').trim()
  if (asked === '') return undefined
  const repository = findRepositoryName(asked)
  if (repository === undefined)
    return html`<p class="danger" role="alert"><bdi>${asked.slice(0, 255)}</bdi> is no name of a repository.</p>`
  const text = isAdmin(call.permit) ? (query.get('who') ?? '').trim() : ''
  const who =
    text === '' ? askedCallerOf(call.permit) : findAskedCaller(text.includes(':') || text === 'anonymous' ? text : `user:${text}`)
  if (who === undefined)
    return html`<p class="danger" role="alert"><bdi>${text.slice(0, 300)}</bdi> is no caller; write user:NAME, robot:NAME or anonymous.</p>`
  const { can, groups, rule, because } = await permissions.of(who, repository)
  return html`<div class="box">${known([
    ['Caller', html`<bdi>${formatWho(who)}</bdi>`],
    ['Groups', groups.join(', ')],
    ['Repository', html`<code>${repository}</code>`],
    ['May', can.length === 0 ? 'nothing' : can.join(', ')],
    ['Rule', rule],
    ['Because', because],
  ])}</div>`
}
