import { shownOf } from '../../../../registry/retention/shown-content.ts'
import type { TagUse } from '../../../../registry/shown/tag-uses.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { decidedIn } from '../../../api/retention.ts'
import type { Call } from '../../../call.ts'
import { pageResponse } from '../../document.ts'
import { repositoryHeading } from '../../heading.ts'
import { mayDo } from '../../may.ts'
import type { PartPage } from '../../page-routes.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { known } from '../../text/image-words.ts'
import { countText, shortDigest, shortTag, sizeText } from '../../text/words.ts'

const ROWS = 100
const MOST_GOING = 50

/** `GET /ui/<name>/-/space`: what takes the room of a repository: bytes that its images have alone, and what they share. */
export async function showSpace(call: Call<PartPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  const { registry, request, route } = call
  const { repository, query } = route
  const { repositories, tagUses } = registry.shown
  const whole = await repositories.useOf(await repositories.require(repository), request.signal)
  const after = query.get('after') ?? ''
  const { entries, more } = await tagUses.page(repository, { after, limit: ROWS }, request.signal)
  const last = more ? entries.at(-1)?.tag : undefined
  const isPushed = mayDo(call, 'push', repository)
  const main = html`${repositoryHeading(site, repository, html`<span class="quiet">, space</span>`)}
${known([
  ['In all', sizeText(whole.bytes)],
  ['Here alone', whole.own === undefined ? 'not known before everything has been scanned' : sizeText(whole.own)],
  ['Shared', whole.own !== undefined && `${sizeText(whole.bytes - whole.own)} with other repositories, once in the storage`],
])}
${isPushed && (await quotasOf(call))}
${isPushed && (await goingOf(call, site))}
${table(site, call, entries)}
${last !== undefined && html`<nav class="more" aria-label="Pages"><a rel="next" href="${site.part(repository, 'space', { after: last })}">Next ${ROWS}</a></nav>`}`
  return await pageResponse(site, { title: `${repository}, space`, main })
}

/** What pushes may still bring. */
async function quotasOf({ registry, route }: Call<PartPage>): Promise<Html | undefined> {
  const { quotas, areCounted } = await registry.quotas.of(route.repository)
  if (quotas.length === 0) return undefined
  const rows = quotas.map(({ name, usedBytes, limitBytes, warnBytes }) => {
    const most = limitBytes ?? warnBytes
    return [
      name,
      `${sizeText(usedBytes)}${most === undefined ? '' : ` of ${sizeText(most)}${limitBytes === undefined ? ', then pushes are warned' : ''}`}`,
    ] as const
  })
  return html`<h2>Quotas</h2>${known(rows, 'long')}${!areCounted && html`<p class="quiet">What was here before is still being counted.</p>`}`
}

/** What the rules for tags take, and why. */
async function goingOf(call: Call<PartPage>, site: Site): Promise<Html | undefined> {
  const { repository } = call.route
  const found = await decidedIn(call, repository, { asksBytes: true })
  if (found === undefined) return undefined
  const { decisions, bytes } = found
  const going = [...decisions.tags, ...decisions.untagged].filter(({ goes }) => goes)
  if (going.length === 0) return undefined
  const rows = going
    .slice(0, MOST_GOING)
    .map(shownOf)
    .map(({ tag, digest, because }) => {
      const name = html`<a href="${site.image(repository, tag ?? digest)}"><code>${tag ?? shortDigest(digest)}</code></a>`
      return html`<tr><td class="name">${name}</td><td>${because}</td></tr>
`
    })
  const isShown = call.registry.retention.dryRun
  return html`<h2>What the rules ${isShown ? 'would take' : 'take'}</h2>
<p>${countText(going.length, 'tag or manifest', 'tags and manifests')}${bytes !== undefined && `, ${sizeText(bytes.going)} set free`}${bytes !== undefined && bytes.untagged > 0 && `, ${sizeText(bytes.untagged)} left without a tag`}${isShown && '; retention.dryrun only shows it'}.</p>
<table class="rows"><thead><tr><th scope="col">Goes</th><th scope="col">Because</th></tr></thead><tbody>${rows}</tbody></table>
${going.length > MOST_GOING && html`<p class="quiet">and ${(going.length - MOST_GOING).toLocaleString('en-US')} more, which <code>berth retention preview</code> lists</p>`}`
}

function table(site: Site, { route }: Call<PartPage>, entries: readonly TagUse[]): Html | undefined {
  if (entries.length === 0) return undefined
  const { repository } = route
  const rows = entries.map(
    ({ tag, bytes, own }) =>
      html`<tr><td class="name"><a href="${site.image(repository, tag)}"><code>${shortTag(tag)}</code></a></td><td class="number">${sizeText(bytes)}</td><td class="number">${own !== undefined && sizeText(own)}</td></tr>
`,
  )
  return html`<h2>Tags</h2>
<table class="rows"><thead><tr><th scope="col">Tag</th><th scope="col" class="number">Needs</th><th scope="col" class="number">Alone</th></tr></thead><tbody>${rows}</tbody></table>
<p class="quiet">Alone: what deleting the image, with all its tags, sets free.</p>`
}
