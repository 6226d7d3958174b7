import { type Digest, findDigest } from '../../../../oci/digest.ts'
import { RegistryError } from '../../../../oci/errors.ts'
import { manifestUnknown } from '../../../../oci/unknown.ts'
import type { PastMove } from '../../../../registry/deleting/past-of-tag.ts'
import { statusOf } from '../../../answer/error-response.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { pointBack, readMoves } from '../../../api/tag-past.ts'
import type { Call } from '../../../call.ts'
import { readForm } from '../../../request/form.ts'
import { pageResponse, seeOther } from '../../document.ts'
import { repositoryHeading } from '../../heading.ts'
import { mayDo } from '../../may.ts'
import type { HistoryPage } from '../../page-routes.ts'
import { referenceText, type Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { shortDigest, timeOf, whenText } from '../../text/words.ts'

const MOST_MOVES = 100

/** `GET /ui/<name>:<tag>/history`: where a tag pointed, the newest move first. */
export async function showHistory(call: Call<HistoryPage>): Promise<PlainResponse> {
  return await historyScreen(call, undefined)
}

/** `POST /ui/<name>:<tag>/history`: points the tag to a manifest at which it pointed. */
export async function pointTagBack(call: Call<HistoryPage>): Promise<PlainResponse> {
  const { repository, reference: tag } = call.route
  const digest = findDigest((await readForm(call.request)).get('digest') ?? '')
  if (digest === undefined) throw manifestUnknown(tag)
  try {
    await pointBack(call, repository, { tag, digest })
  } catch (error) {
    if (error instanceof RegistryError && statusOf(error) < 500) return await historyScreen(call, error)
    throw error
  }
  const site = siteOf(call)
  return seeOther(site, site.history(repository, tag))
}

/** `refusal`: why the tag was not moved. */
async function historyScreen(call: Call<HistoryPage>, refusal: RegistryError | undefined): Promise<PlainResponse> {
  const site = siteOf(call)
  const { repository, reference: tag } = call.route
  const { moves, isWhole, unreadable } = await readMoves(call, tag, MOST_MOVES)
  if (moves.length === 0) throw manifestUnknown(tag)
  const present = moves[0]?.digest
  const mayMove = mayDo(call, 'push', repository)
  const own = html`<span class="quiet">:</span><a href="${site.image(repository, tag)}">${tag}</a>`
  const main = html`${repositoryHeading(site, repository, own)}
<p class="facts"><span>Where this tag pointed, the newest move first</span>${mayMove && present !== undefined && (await leftBehind(call, present))}</p>
${refusal !== undefined && html`<p class="danger" role="alert">${refusal.message}</p>`}
<table class="rows">
<thead><tr><th scope="col">Pointed to</th><th scope="col">Since</th><th scope="col">By</th><th scope="col">How</th><th scope="col">Still there</th>${mayMove && html`<th scope="col"><span class="unseen">Point back</span></th>`}</tr></thead>
<tbody>${moves.map((move) => rowOf({ site, route: call.route, present, mayMove }, move))}</tbody>
</table>
${!isWhole && html`<p class="quiet">Older moves are told by <code>berth tag history</code>.</p>`}
${unreadable > 0 && html`<p class="danger">${unreadable} records of moves cannot be read.</p>`}`
  const status = refusal === undefined ? 200 : statusOf(refusal)
  return await pageResponse(site, { title: `${referenceText(repository, tag)}, history`, main }, { status })
}

/** What moving the tag would leave without one. */
async function leftBehind({ registry, route }: Call<HistoryPage>, present: Digest): Promise<Html | undefined> {
  const tags = await registry.shown.tags.leadingTo(route.repository, present, 2)
  if (tags.length > 1) return undefined
  return html`<span>its present image has no other tag, and can then be pulled by digest alone</span>`
}

interface Row {
  readonly site: Site
  readonly route: HistoryPage
  readonly present: Digest | undefined
  readonly mayMove: boolean
}

function rowOf({ site, route, present, mayMove }: Row, { atMs, by, digest, how, state }: PastMove): Html {
  const { repository, reference: tag } = route
  const shown = digest !== undefined && html`<code title="${digest}">${shortDigest(digest)}</code>`
  const target =
    digest !== undefined && state === 'there' ? html`<a href="${site.image(repository, digest)}">${shown}</a>` : shown
  const isElsewhere = digest !== undefined && state === 'there' && digest !== present
  const button =
    isElsewhere &&
    html`<form method="post" action="${site.history(repository, tag)}"><input type="hidden" name="digest" value="${digest}"><button>Point ${tag} here</button></form>`
  return html`<tr><td class="name">${target || html`<span class="quiet">nothing: the tag was deleted</span>`}</td><td>${timeOf(atMs)}</td><td>${by}</td><td>${how}</td><td>${digest !== undefined && stateText(state)}</td>${mayMove && html`<td class="action">${button}</td>`}</tr>
`
}

function stateText(state: PastMove['state']): string {
  if (state === 'there') return 'yes'
  if (state === 'gone') return 'no'
  return `deleted; can be brought back until ${whenText(state.untilMs, Date.now())}`
}
