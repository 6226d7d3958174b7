import { manifestUnknown } from '../../../oci/unknown.ts'
import type { PastMove } from '../../../registry/deleting/past-of-tag.ts'
import type { PlainResponse } from '../../answer/responses.ts'
import { readMoves } from '../../api/tag-past.ts'
import type { Call } from '../../call.ts'
import { pageResponse } from '../document.ts'
import { type Html, html } from '../html.ts'
import type { HistoryPage } from '../page-routes.ts'
import { referenceText, type Site } from '../site.ts'
import { siteOf } from '../site-of.ts'
import { shortDigest, timeOf } from '../words.ts'
import { repositoryHeading } from './repository.ts'

const MOST_MOVES = 100

/** Where a tag pointed, the newest move first. */
export async function showHistory(call: Call<HistoryPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  const { repository, reference: tag } = call.route
  const { moves, isWhole, unreadable } = await readMoves(call, tag, MOST_MOVES)
  if (moves.length === 0) throw manifestUnknown(tag)
  const own = html`<span class="quiet">:</span><a href="${site.image(repository, tag)}">${tag}</a>`
  const main = html`${repositoryHeading(site, repository, own)}
<p class="facts"><span>Where this tag pointed, the newest move first</span></p>
<table class="rows">
<thead><tr><th scope="col">Pointed to</th><th scope="col">Since</th><th scope="col">By</th><th scope="col">How</th><th scope="col">Still there</th></tr></thead>
<tbody>${moves.map((move) => rowOf(site, call.route, move))}</tbody>
</table>
${!isWhole && html`<p class="quiet">Older moves are told by <code>berth tag history</code>.</p>`}
${unreadable > 0 && html`<p class="danger">${unreadable} records of moves cannot be read.</p>`}`
  return await pageResponse(site, { title: `${referenceText(repository, tag)}, history`, main })
}

function rowOf(site: Site, { repository }: HistoryPage, { atMs, by, digest, how, state }: PastMove): Html {
  const shown = digest !== undefined && html`<code title="${digest}">${shortDigest(digest)}</code>`
  const target =
    digest !== undefined && state === 'there' ? html`<a href="${site.image(repository, digest)}">${shown}</a>` : shown
  return html`<tr><td class="name">${target || html`<span class="quiet">nothing: the tag was deleted</span>`}</td><td>${timeOf(atMs)}</td><td>${by}</td><td>${how}</td><td>${digest !== undefined && stateText(state)}</td></tr>
`
}

function stateText(state: PastMove['state']): string {
  if (state === 'there') return 'yes'
  if (state === 'gone') return 'no'
  return `deleted; can be brought back until ${new Date(state.untilMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
