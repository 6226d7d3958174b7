import { findDigest } from '../../../../oci/digest.ts'
import { findTag, type Reference } from '../../../../oci/reference.ts'
import type { ComparedLayer, ComparedLine, Comparison } from '../../../../registry/shown/comparison.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import type { Call } from '../../../call.ts'
import { pageResponse } from '../../document.ts'
import { repositoryHeading } from '../../heading.ts'
import type { PartPage } from '../../page-routes.ts'
import type { Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { type Html, html } from '../../text/html.ts'
import { known } from '../../text/image-words.ts'
import { countText, shortDigest, sizeText } from '../../text/words.ts'
import { differenceTables } from '../inside/difference.ts'
import { reasonOf } from '../inside/inside.ts'

const MOST_ROWS = 300
/** Tags that the fields offer. */
const OFFERED = 100

interface Sides {
  readonly from: Reference
  readonly to: Reference
}

/** `GET /ui/<name>/-/compare?from=…&to=…`: two images of a repository side by side; with fewer than two, the form that asks for them. */
export async function showComparison(call: Call<PartPage>): Promise<PlainResponse> {
  const site = siteOf(call)
  const { repository, query } = call.route
  // Rows of the list of tags say which by their boxes.
  const [first = null, second = null] = query.getAll('tag')
  const from = referenceIn(query.get('from') ?? first)
  const to = referenceIn(query.get('to') ?? second)
  const platform = query.get('platform') || undefined
  const heading = repositoryHeading(site, repository, html`<span class="quiet">, compare</span>`)
  const form = await formOf(call, site, { from, to })
  if (from === undefined || to === undefined)
    return await pageResponse(site, { title: `${repository}, compare`, main: html`${heading}${form}` })
  const found = await call.registry.shown.comparisons.of(repository, { from, to, platform })
  const main = html`${heading}${form}
${platform !== undefined && html`<p class="quiet">The images for <bdi>${platform}</bdi></p>`}
${summary(found)}
${configTable(found.config, { from, to })}
${layerTable(found.layers, { from, to })}
${await insideOf(call, { from, to }, platform)}`
  return await pageResponse(site, { title: `${repository}, ${shown(from)} and ${shown(to)}`, main })
}

/** What their layers tell, where they are read. */
async function insideOf({ registry, request, route }: Call<PartPage>, { from, to }: Sides, platform: string | undefined) {
  const { inside } = registry.shown
  if (!inside.isRead) return undefined
  const images = [
    { reference: from, platform },
    { reference: to, platform },
  ] as const
  try {
    const { difference } = await inside.compare(route.repository, ...images, request.signal)
    return differenceTables(difference, { from: shown(from), to: shown(to) })
  } catch (error) {
    return html`<p class="quiet">${reasonOf(error)}</p>`
  }
}

function referenceIn(text: string | null): Reference | undefined {
  const trimmed = (text ?? '').trim()
  return findDigest(trimmed) ?? findTag(trimmed)
}

function shown(reference: Reference): string {
  return reference.includes(':') ? shortDigest(reference) : reference
}

async function formOf(
  { registry, request, route }: Call<PartPage>,
  site: Site,
  { from, to }: { readonly [Side in keyof Sides]: Reference | undefined },
): Promise<Html> {
  const { repository } = route
  const all = { part: undefined, after: undefined, limit: OFFERED, signal: request.signal }
  const { entries } = await registry.shown.tags.page(repository, { sort: 'name', isDescending: false, ...all })
  const side = (name: 'from' | 'to', label: string, value: Reference | undefined) =>
    html`<label>${label} <input name="${name}" value="${value}" list="tags" maxlength="140" autocomplete="off" spellcheck="false" required></label>`
  return html`<form class="sides" action="${site.part(repository, 'compare')}">${side('from', 'From', from)} ${side('to', 'To', to)} <button>Compare</button><datalist id="tags">${entries.map(({ tag }) => html`<option value="${tag}"></option>`)}</datalist></form>`
}

function summary({ from, to, commonBytes, layers, config }: Comparison): Html | undefined {
  const difference = to.bytes - from.bytes
  const common = layers.filter((layer) => layer.in === 'both')
  if (from.digest === to.digest) return html`<p>Both are the same image, <code>${shortDigest(from.digest)}</code>.</p>`
  return known([
    [
      'Layers',
      `${sizeText(from.bytes)} → ${sizeText(to.bytes)} (${difference < 0 ? '−' : '+'}${sizeText(Math.abs(difference))})`,
    ],
    ['In both', `${countText(common.length, 'layer', 'layers')}, ${sizeText(commonBytes)}`],
    ['To fetch', `${sizeText(to.bytes - commonBytes)} for a machine that has the first`],
    ['Config', config.length === 0 ? 'says the same' : false],
  ])
}

function configTable(lines: readonly ComparedLine[], { from, to }: Sides): Html | undefined {
  if (lines.length === 0) return undefined
  const rows = lines.slice(0, MOST_ROWS).map(
    (line) =>
      html`<tr><td class="name"><bdi>${line.name}</bdi></td><td>${shownValue(line.from)}</td><td>${shownValue(line.to)}</td></tr>
`,
  )
  return html`<h2>Config</h2>
<table class="rows"><thead><tr><th scope="col">What</th><th scope="col">${shown(from)}</th><th scope="col">${shown(to)}</th></tr></thead><tbody>${rows}</tbody></table>`
}

function shownValue(text: string | undefined): Html {
  return text === undefined ? html`<span class="quiet">not there</span>` : html`<code><bdi>${text}</bdi></code>`
}

function layerTable(layers: readonly ComparedLayer[], { from, to }: Sides): Html | undefined {
  if (layers.length === 0) return undefined
  const words: Readonly<Record<ComparedLayer['in'], string>> = {
    both: 'both',
    from: `only ${shown(from)}`,
    to: `only ${shown(to)}`,
  }
  const rows = layers.slice(0, MOST_ROWS).map(
    (layer) =>
      html`<tr><td class="name"><code title="${layer.digest}">${shortDigest(layer.digest)}</code></td><td class="${layer.in === 'both' && 'quiet'}">${words[layer.in]}</td><td class="number">${sizeText(layer.size)}</td></tr>
`,
  )
  return html`<h2>Layers</h2>
<table class="rows"><thead><tr><th scope="col">Digest</th><th scope="col">In</th><th scope="col" class="number">Size</th></tr></thead><tbody>${rows}</tbody></table>
${layers.length > MOST_ROWS && html`<p class="quiet">${layers.length - MOST_ROWS} more</p>`}`
}
