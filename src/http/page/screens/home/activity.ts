import { findRepositoryName } from '../../../../oci/name.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import type { Call } from '../../../call.ts'
import { shownNames } from '../../../shown-names.ts'
import { pageResponse } from '../../document.ts'
import type { OwnPage } from '../../page-routes.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { shortDigest, shortTag, timeOf } from '../../text/words.ts'

const ROWS = 100

type Activity = Awaited<ReturnType<Call<OwnPage>['registry']['shown']['activities']['page']>>['entries'][number]

/** `GET /ui/-/activity`: the newest moves and deletions of tags, of all repositories that the caller may list, or of one. */
export async function showActivity(call: Call<OwnPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  const { registry, route } = call
  const only = findRepositoryName(route.query.get('in') ?? '')
  const shown = shownNames(call.permit)
  const before = /^[1-9]\d{0,15}$/.exec(route.query.get('before') ?? '')?.[0]
  const { entries, next } = await registry.shown.activities.page({
    ...{ before: before === undefined ? undefined : Number(before), limit: ROWS },
    isShown: (name) => (only === undefined || name === only) && (shown?.fits(name) ?? true),
  })
  const title = only === undefined ? 'Activity' : `Activity in ${only}`
  const more = next !== undefined && site.own('activity', { in: only, before: String(next) })
  const main = html`<h1>${title}</h1>
${entries.length === 0 ? html`<p>No tag has moved${only !== undefined && ` in ${only}`}, as far as that is remembered.</p>` : table(site, entries)}
${more && html`<nav class="more" aria-label="Pages"><a rel="next" href="${more}">Older ones</a></nav>`}`
  return await pageResponse(site, { title, main })
}

function table(site: Site, entries: readonly Activity[]): Html {
  return html`<table class="rows"><thead><tr><th scope="col">Tag</th><th scope="col">What</th><th scope="col">When</th><th scope="col">By</th><th scope="col">How</th></tr></thead><tbody>${entries.map((entry) => rowOf(site, entry))}</tbody></table>`
}

function rowOf(site: Site, { repository, tag, digest, before, atMs, by, how }: Activity): Html {
  const name = html`<code>${repository}:${shortTag(tag)}</code>`
  const address = digest === null ? site.history(repository, tag) : site.image(repository, tag)
  const short = (of: string | null) => of !== null && html`<code title="${of}">${shortDigest(of)}</code>`
  const what =
    digest === null
      ? html`deleted ${short(before)}`
      : html`${before === null ? 'pushed' : html`moved from ${short(before)} to`} ${short(digest)}`
  return html`<tr><td class="name"><a href="${address}">${name}</a></td><td>${what}</td><td>${timeOf(atMs)}</td><td><bdi>${by ?? ''}</bdi></td><td>${how}</td></tr>
`
}
