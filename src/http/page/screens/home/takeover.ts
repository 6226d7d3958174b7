import type { Call } from '../../../call.ts'
import type { Route } from '../../../routes.ts'
import { type Html, html } from '../../text/html.ts'
import { countText } from '../../text/words.ts'

/** How far a takeover is; undefined when it is done. Only callers who may see everything are told how much is left. */
export async function takeoverProgress({ registry }: Pick<Call<Route>, 'registry'>, seesAll: boolean): Promise<Html | undefined> {
  const { names, scanned, complete, unreadFacts } = await registry.progress.progress()
  if (complete && unreadFacts === 0) return undefined
  if (complete)
    return html`<p class="quiet" role="status">What images say of themselves is being read${seesAll && `: ${countText(unreadFacts, 'image is', 'images are')} left`}. Until then some are shown without it.</p>`
  const words = names ? 'What is here is being looked at once' : 'The names of what is here are being looked for'
  return html`<p class="quiet" role="status"><label>${words}, ${Math.floor(scanned * 100)} % <progress max="1" value="${scanned}"></progress></label> Pulls and pushes go on meanwhile.</p>`
}
