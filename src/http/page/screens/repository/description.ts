import { MAX_DESCRIPTION } from '../../../../registry/remarks/remark-records.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import type { Call } from '../../../call.ts'
import { readForm } from '../../../request/form.ts'
import { pageResponse, seeOther } from '../../document.ts'
import { repositoryHeading } from '../../heading.ts'
import { mayRemark } from '../../may.ts'
import type { PartPage, RepositoryPage } from '../../page-routes.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'

interface Description {
  readonly text: string
  /** Set by people; else what the newest image says. */
  readonly isOwn: boolean
}

/** What a repository is, and for callers who may say it the way there. */
export function descriptionLine(call: Call<RepositoryPage>, site: Site, { text, isOwn }: Description): Html | undefined {
  const { repository } = call.route
  const edit = mayRemark(call, 'push', repository)
  if (text === '' && !edit) return undefined
  const link = edit && html`<a class="edit" href="${site.part(repository, 'description')}">${isOwn ? 'Edit' : 'Describe it'}</a>`
  return html`<p class="description">${text !== '' && html`<bdi>${text}</bdi> `}${link}</p>`
}

/** `GET /ui/<name>/-/description`. Throws NAME_UNKNOWN. */
export async function showDescription(call: Call<PartPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  const { repository } = call.route
  const { registry } = call
  await registry.shown.repositories.require(repository)
  const { description } = await registry.remarks.of(repository, undefined)
  const [found] = await registry.search.describe([repository])
  const image = description === null ? (found?.description ?? '') : ''
  const main = html`${repositoryHeading(site, repository, html`<span class="quiet">, description</span>`)}
<form class="text" method="post" action="${site.part(repository, 'description')}">
<label>What it is, in a line <input name="text" value="${description ?? image}" maxlength="${MAX_DESCRIPTION}" autocomplete="off" autofocus></label>
<p class="quiet">Left empty, the newest image describes it by its label <code>org.opencontainers.image.description</code>.</p>
<div class="buttons"><button class="main">Save</button> <a href="${site.repository(repository)}">Leave it as it is</a></div>
</form>`
  return await pageResponse(site, { title: `${repository}, description`, main })
}

/** `POST /ui/<name>/-/description`. Throws NAME_UNKNOWN. */
export async function describe(call: Call<PartPage>): Promise<PlainResponse> {
  const { registry, route, request, actor } = call
  const text = ((await readForm(request)).get('text') ?? '').slice(0, MAX_DESCRIPTION)
  await registry.shown.repositories.require(route.repository)
  await registry.remarks.describe(route.repository, text, actor.name)
  const site = siteOf(call)
  return seeOther(site, site.repository(route.repository))
}
