import { z } from 'zod'
import type { Group } from '../../../../access/accounts/account.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { accountName, administrationOf, changed } from '../../../api/accounts/accounts.ts'
import type { Call } from '../../../call.ts'
import { readForm } from '../../../request/form.ts'
import { pageResponse, seeOther } from '../../document.ts'
import type { OwnPage } from '../../page-routes.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { listText } from '../../text/words.ts'
import { afterForm, fieldsIn, rowForms, type Told, toldAbove, toldStatus } from './form.ts'

const ROWS = 100
const MOST_NAMED = 50
const GROUP = z.object({ group: accountName })
const MEMBER = z.object({ group: accountName, user: accountName })

/** `GET /ui/-/groups`: groups with their members. */
export async function showGroups(call: Call<OwnPage>): Promise<PlainResponse> {
  return await groupsScreen(call)
}

/** `POST /ui/-/groups`: a member comes or goes, or a group goes. */
export async function changeGroups(call: Call<OwnPage>): Promise<PlainResponse> {
  const { groups } = administrationOf(call)
  const form = await readForm(call.request)
  const fields = { group: form.get('group') ?? '', user: form.get('user') ?? '' }
  const change = async () => {
    switch (form.get('do')) {
      case 'add': {
        const { group: name, user } = fieldsIn(fields, MEMBER)
        await changed(call, [{ kind: 'group', name }], () => groups.add(name, user))
        break
      }
      case 'leave': {
        const { group: name, user } = fieldsIn(fields, MEMBER)
        await changed(call, [{ kind: 'group', name }], () => groups.removeMember(name, user))
        break
      }
      case 'remove': {
        const { group: name } = fieldsIn(fields, GROUP)
        await changed(call, [{ kind: 'group', name }], () => groups.remove(name))
      }
    }
    const site = siteOf(call)
    return seeOther(site, site.own('groups'))
  }
  return await afterForm(change, (told) => groupsScreen(call, told))
}

async function groupsScreen(call: Call<OwnPage>, told: Told = {}): Promise<PlainResponse> {
  const { groups } = administrationOf(call)
  const site = siteOf(call)
  const { entries, next } = await groups.page({ after: call.route.query.get('after')?.slice(0, 64) ?? '', limit: ROWS })
  const main = html`<h1>Groups</h1>
${toldAbove(told)}
${entries.length === 0 ? html`<p>There are no groups. Rules name one as <code>group:NAME</code>.</p>` : table(site, entries)}
${next !== undefined && html`<nav class="more" aria-label="Pages"><a rel="next" href="${site.own('groups', { after: next })}">Next ${ROWS}</a></nav>`}
<h2>Add a member</h2>
<form class="text" method="post" action="${site.own('groups')}"><input type="hidden" name="do" value="add">
<label>Group, which is made where there is none <input name="group" required maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false"></label>
${userField()}
<div class="buttons"><button>Add</button></div>
</form>`
  return await pageResponse(site, { title: 'Groups', main }, { status: toldStatus(told) })
}

function table(site: Site, groups: readonly Group[]): Html {
  const rows = groups.map(({ name, members }) => {
    const form = (what: string, fields: Html) =>
      html`<form class="text" method="post" action="${site.own('groups')}"><input type="hidden" name="do" value="${what}"><input type="hidden" name="group" value="${name}">${fields}</form>`
    const forms = html`${form('leave', html`${userField()}<button>Take out of ${name}</button>`)}${form('remove', html`<button class="danger">Remove the group ${name}</button>`)}`
    return html`<tr><td class="name"><bdi>${name}</bdi></td><td>${listText(members, MOST_NAMED)}</td>${rowForms(name, forms)}</tr>
`
  })
  return html`<table class="rows"><thead><tr><th scope="col">Group</th><th scope="col">Members</th><th scope="col"><span class="unseen">Change</span></th></tr></thead><tbody>${rows}</tbody></table>`
}

function userField(): Html {
  return html`<label>User <input name="user" required maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false"></label>`
}
