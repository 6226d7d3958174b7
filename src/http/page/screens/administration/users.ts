import { z } from 'zod'
import type { ShownUser } from '../../../../access/administration/users.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { accountName, administrationOf, changed } from '../../../api/accounts/accounts.ts'
import { NEW_USER, removeAccount } from '../../../api/accounts/users.ts'
import type { Call } from '../../../call.ts'
import { readForm } from '../../../request/form.ts'
import { pageResponse, seeOther } from '../../document.ts'
import type { OwnPage } from '../../page-routes.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { listText, timeOf } from '../../text/words.ts'
import { afterForm, fieldsIn, rowForms, type Told, toldAbove, toldStatus } from './form.ts'

const ROWS = 100
const MOST_NAMED = 10
const NAMED = z.object({ name: accountName })

/** `GET /ui/-/users`: the users of the storage. */
export async function showUsers(call: Call<OwnPage>): Promise<PlainResponse> {
  return await usersScreen(call)
}

/** `POST /ui/-/users`: one is added, gets another password, or goes. */
export async function changeUsers(call: Call<OwnPage>): Promise<PlainResponse> {
  const { users } = administrationOf(call)
  const form = await readForm(call.request)
  const fields = { name: form.get('name') ?? '', password: form.get('password') ?? '' }
  const change = async () => {
    switch (form.get('do')) {
      case 'add': {
        const { name, password } = fieldsIn(fields, NEW_USER)
        await changed(call, [{ kind: 'user', name }], () => users.add(name, password))
        break
      }
      case 'password': {
        const { name, password } = fieldsIn(fields, NEW_USER)
        await changed(call, [{ kind: 'user', name }], () => users.setPassword(name, password))
        break
      }
      case 'remove':
        await removeAccount(call, fieldsIn(fields, NAMED).name)
    }
    const site = siteOf(call)
    return seeOther(site, site.own('users'))
  }
  return await afterForm(change, (told) => usersScreen(call, told))
}

async function usersScreen(call: Call<OwnPage>, told: Told = {}): Promise<PlainResponse> {
  const { users } = administrationOf(call)
  const site = siteOf(call)
  const { entries, next } = await users.page({ after: call.route.query.get('after')?.slice(0, 64) ?? '', limit: ROWS })
  const main = html`<h1>Users</h1>
${toldAbove(told)}
${entries.length === 0 ? html`<p>No user is kept in the storage; those of an htpasswd file are not listed.</p>` : table(site, entries)}
${next !== undefined && html`<nav class="more" aria-label="Pages"><a rel="next" href="${site.own('users', { after: next })}">Next ${ROWS}</a></nav>`}
<h2>Add a user</h2>
<form class="text" method="post" action="${site.own('users')}"><input type="hidden" name="do" value="add">
<label>Name <input name="name" required maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false"></label>
${passwordField()}
<div class="buttons"><button>Add</button></div>
</form>`
  return await pageResponse(site, { title: 'Users', main }, { status: toldStatus(told) })
}

function table(site: Site, users: readonly ShownUser[]): Html {
  const rows = users.map(({ name, passwordSetAt, groups }) => {
    const form = (what: string, fields: Html) =>
      html`<form class="text" method="post" action="${site.own('users')}"><input type="hidden" name="do" value="${what}"><input type="hidden" name="name" value="${name}">${fields}</form>`
    const forms = html`${form('password', html`${passwordField()}<button>Set the password of ${name}</button>`)}${form('remove', html`<button class="danger">Remove ${name}, with the robots of ${name}</button>`)}`
    return html`<tr><td class="name"><bdi>${name}</bdi></td><td>${listText(groups, MOST_NAMED)}</td><td>${timeOf(passwordSetAt.getTime())}</td>${rowForms(name, forms)}</tr>
`
  })
  return html`<table class="rows"><thead><tr><th scope="col">User</th><th scope="col">Groups</th><th scope="col">Password set</th><th scope="col"><span class="unseen">Change</span></th></tr></thead><tbody>${rows}</tbody></table>`
}

function passwordField(): Html {
  return html`<label>Password <input name="password" type="password" autocomplete="new-password" required maxlength="72"></label>`
}
