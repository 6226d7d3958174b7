import type { PlainResponse } from '../../../answer/responses.ts'
import { seesAll } from '../../../api/registry/progress.ts'
import type { Call } from '../../../call.ts'
import { pageResponse } from '../../document.ts'
import type { OwnPage } from '../../page-routes.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { known } from '../../text/image-words.ts'
import { countText, sizeText, timeOf } from '../../text/words.ts'
import { takeoverProgress } from './takeover.ts'

const MOST_QUOTAS = 50

/** `GET /ui/-/space`: what the whole registry takes, what the collector takes next, quotas, and how far a takeover is. */
export async function showStorage(call: Call<OwnPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  const isShownAll = seesAll(call.permit)
  const progress = await takeoverProgress(call, isShownAll)
  const main = html`<h1>Space</h1>
${progress ?? html`<p class="quiet">Everything that is here has been looked at.</p>`}
${isShownAll ? html`${await bytesOf(call)}${await quotasOf(call)}` : html`<p>What a repository takes stands on its own screen of space; how much there is in all is told to callers who may see all of it.</p>`}`
  return await pageResponse(site, { title: 'Space', main })
}

async function bytesOf({ registry, request }: Call<OwnPage>): Promise<Html | undefined> {
  const { complete } = await registry.progress.progress()
  const use = complete ? await registry.shown.uses.ofAll(request.signal) : undefined
  const space = await registry.progress.space()
  const collector = await registry.progress.collector()
  return known([
    ['In all', use === undefined ? 'not known before everything has been looked at' : inAll(use)],
    ['Leaving', use !== undefined && use.leavingBytes > 0 && `${sizeText(use.leavingBytes)} that nothing needs any more`],
    ['Free', space !== undefined && `${sizeText(space.freeBytes)}, of which ${sizeText(space.reserveBytes)} stay free`],
    [
      'Collector',
      collector === undefined
        ? 'has not run so far'
        : html`looked ${timeOf(collector.atMs)}${collector.due !== undefined && `, takes ${sizeText(collector.due.bytes)} next`}${collector.waits !== undefined && `; it waits: ${collector.waits}`}`,
    ],
  ])
}

function inAll({ bytes, blobs }: { readonly bytes: number; readonly blobs: number }): string {
  return `${sizeText(bytes)} in ${countText(blobs, 'blob', 'blobs')}, each once`
}

async function quotasOf({ registry }: Call<OwnPage>): Promise<Html | undefined> {
  const quotas = await registry.progress.quotas()
  if (quotas.length === 0) return undefined
  const rows = quotas.slice(0, MOST_QUOTAS).map(({ name, usedBytes, limitBytes, warnBytes }) => {
    const most = limitBytes ?? warnBytes
    return html`<tr><td class="name"><bdi>${name}</bdi></td><td class="number">${sizeText(usedBytes)}</td><td class="number">${most !== undefined && sizeText(most)}</td></tr>
`
  })
  return html`<h2>Quotas, the fullest first</h2><table class="rows"><thead><tr><th scope="col">Quota</th><th scope="col" class="number">Used</th><th scope="col" class="number">Of</th></tr></thead><tbody>${rows}</tbody></table>`
}
