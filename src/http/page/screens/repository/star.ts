import type { ShownRemark } from '../../../../registry/remarks/remarks.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { userOf } from '../../../api/remarks.ts'
import type { Call } from '../../../call.ts'
import { readForm } from '../../../request/form.ts'
import { seeOther } from '../../document.ts'
import { mayRemark } from '../../may.ts'
import type { PartPage, RepositoryPage } from '../../page-routes.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'

/** How many stars there are; for a user a button that gives one, or takes it back. */
export function starForm(call: Call<RepositoryPage>, site: Site, { stars, isStarred }: ShownRemark): Html | undefined {
  const { repository } = call.route
  const isUser = call.permit.caller.kind === 'user' && mayRemark(call, 'pull', repository)
  if (!isUser) return html`<span class="star">${countOf(stars)}</span>`
  return html`<form class="star" method="post" action="${site.part(repository, 'star')}">${countOf(stars)} <input type="hidden" name="star" value="${isStarred ? 'take' : 'give'}"><button>${isStarred ? 'Take the star back' : 'Give a star'}</button></form>`
}

function countOf(stars: number): Html | undefined {
  return stars === 0 ? undefined : html`<span>★ ${stars}<span class="unseen"> stars</span></span>`
}

/** `POST /ui/<name>/-/star`. Throws DENIED for who is no user, and NAME_UNKNOWN. */
export async function giveStar(call: Call<PartPage>): Promise<PlainResponse> {
  const { registry, route, permit, request } = call
  const user = userOf(permit.caller)
  const form = await readForm(request)
  await registry.shown.repositories.require(route.repository)
  await registry.remarks[form.get('star') === 'take' ? 'unstar' : 'star'](route.repository, user)
  const site = siteOf(call)
  return seeOther(site, site.repository(route.repository))
}
