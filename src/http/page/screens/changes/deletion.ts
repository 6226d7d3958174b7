import { RegistryError } from '../../../../oci/errors.ts'
import { statusOf } from '../../../answer/error-response.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { deleteAsSeen, type SeenBefore, seenBefore } from '../../../api/deletions.ts'
import type { Call } from '../../../call.ts'
import { readForm } from '../../../request/form.ts'
import { pageResponse, seeOther } from '../../document.ts'
import { repositoryHeading } from '../../heading.ts'
import { mayDo } from '../../may.ts'
import type { PartPage } from '../../page-routes.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { type Chosen, chosenIn } from './chosen.ts'
import { deleteWords, whatGoes } from './what-goes.ts'

/** What is named on the screen; its counts are of all. */
const MOST_NAMED = 200

/** `GET /ui/<name>/-/delete`: what would go, what stays, what it frees and when; or, where nothing is named, the form that asks. */
export async function showDeletion(call: Call<PartPage>): Promise<PlainResponse> {
  return await deletionScreen(call, chosenIn(call.route.repository, call.route.query), undefined)
}

/** `POST /ui/<name>/-/delete`: takes what was shown, and nothing else. */
export async function deleteChosen(call: Call<PartPage>): Promise<PlainResponse> {
  const { repository, query } = call.route
  const chosen = chosenIn(repository, query)
  if (chosen === undefined) return await deletionScreen(call, undefined, undefined)
  const token = (await readForm(call.request)).get('token') ?? ''
  try {
    await deleteAsSeen(call, chosen.selection, { token, isForced: false })
  } catch (error) {
    if (error instanceof RegistryError && statusOf(error) === 409) return await deletionScreen(call, chosen, error)
    throw error
  }
  const site = siteOf(call)
  return seeOther(site, mayDo(call, 'push', repository) ? site.part(repository, 'deleted') : site.repositories())
}

/** `refusal`: why the deletion that was asked for did not take place. */
async function deletionScreen(
  call: Call<PartPage>,
  chosen: Chosen | undefined,
  refusal: RegistryError | undefined,
): Promise<PlainResponse> {
  const site = siteOf(call)
  const { repository } = call.route
  const heading = repositoryHeading(site, repository, html`<span class="quiet">, delete</span>`)
  const status = refusal === undefined ? 200 : statusOf(refusal)
  const seen = chosen && (await seenBefore(call, chosen.selection, MOST_NAMED))
  const main = html`${heading}
${refusal !== undefined && html`<p class="danger" role="alert">${refusal.message}</p>`}
${chosen === undefined || seen === undefined ? chooseForm(call, site) : confirmForm({ call, site, chosen, seen })}`
  return await pageResponse(site, { title: `${repository}, delete`, main }, { status })
}

function chooseForm({ route }: Call<PartPage>, site: Site): Html {
  const { repository } = route
  return html`<form class="text" action="${site.part(repository, 'delete')}">
<label>Tags that fit a pattern <input name="tags" placeholder="pr-*" maxlength="255" autocomplete="off" spellcheck="false" required autofocus></label>
<p class="quiet">A <code>*</code> stands for any letters. Nothing is deleted before you have seen what would go.</p>
<div class="buttons"><button>Show what would go</button> <a href="${site.part(repository, 'delete', { all: 'yes' })}">All of ${repository}</a></div>
</form>`
}

interface Confirming {
  readonly call: Call<PartPage>
  readonly site: Site
  readonly chosen: Chosen
  readonly seen: SeenBefore
}

function confirmForm({ call, site, chosen, seen }: Confirming): Html {
  const { repository } = call.route
  const { preview } = seen
  const isNothing = preview.tags + preview.manifests === 0
  const isNamed = preview.namedBy.length > 0
  const button = html`<button class="main danger">${deleteWords(preview, Date.now())}</button>`
  return html`${whatGoes(site, repository, seen)}
<form method="post" action="${site.part(repository, 'delete', chosen.query)}">
<input type="hidden" name="token" value="${preview.token}">
<div class="buttons">${!isNothing && !isNamed && button} <a href="${site.repository(repository)}">Leave ${isNothing ? 'it as it is' : 'them'}</a></div>
</form>`
}
