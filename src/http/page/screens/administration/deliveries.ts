import { webhooksOf } from '../../../api/webhooks/webhooks.ts'
import type { Call } from '../../../call.ts'
import type { OwnPage } from '../../page-routes.ts'
import { type Html, html } from '../../text/html.ts'
import { timeOf, whenText } from '../../text/words.ts'

const ROWS = 100

/** What was sent to a webhook, what waits for its next try, and what was set aside; the newest first. */
export async function deliveriesOf(call: Call<OwnPage>, name: string): Promise<Html> {
  const deliveries = await webhooksOf(call).deliveries(name, { state: undefined, limit: ROWS })
  if (deliveries.length === 0) return html`<h2>Sent to ${name}</h2><p>Nothing was sent so far.</p>`
  const nowMs = Date.now()
  const rows = deliveries.map(({ event, kind, about, state, attempts, triedMs, nextMs, answer }) => {
    const then = nextMs === null ? state : `${state} until ${whenText(nextMs, nowMs)}`
    return html`<tr><td>${timeOf(triedMs)}</td><td><span title="${event}">${kind}</span></td><td class="name"><bdi>${about}</bdi></td><td>${then}</td><td class="number">${attempts}</td><td><bdi>${answer ?? ''}</bdi></td></tr>
`
  })
  return html`<h2>Sent to ${name}</h2>
<table class="rows"><thead><tr><th scope="col">Tried</th><th scope="col">Kind</th><th scope="col">About</th><th scope="col">State</th><th scope="col" class="number">Tries</th><th scope="col">Answer</th></tr></thead><tbody>${rows}</tbody></table>`
}
