import type { HistoryStep } from '../../../../oci/image/image-config.ts'
import type { Manifest } from '../../../../oci/manifest.ts'
import { annotation } from '../../text/annotations.ts'
import { type Html, html } from '../../text/html.ts'
import { stepsOf } from '../../text/layers.ts'
import { countText, shortDigest, sizeText } from '../../text/words.ts'

const MOST_ROWS = 300

/** The layers of an image, the lowest first, with the lines of the Dockerfile that made them. */
export function layerTable({ references }: Manifest, history: readonly HistoryStep[]): Html | undefined {
  const layers = references.filter(({ role }) => role === 'layer').map(({ descriptor }) => descriptor)
  const steps = stepsOf(history, layers)
  if (steps.length === 0) return undefined
  const largest = Math.max(...layers.map(({ size }) => size))
  const rows = steps.slice(0, MOST_ROWS).map(({ line, layer }) => {
    const size = layer && html`${sizeText(layer.size)}`
    const isLargest = layer !== undefined && layers.length > 1 && layer.size === largest
    return html`<tr><td class="name"><div class="step mono">${lineText(line, layer && (annotation(layer.annotations, TITLE) ?? layer.mediaType))}</div></td><td class="digest">${layer !== undefined && html`<code title="${layer.digest}">${shortDigest(layer.digest)}</code>`}</td><td class="number">${isLargest ? html`<b>${size}</b>` : size}</td></tr>
`
  })
  return html`<h2>Layers <span class="quiet">${countText(layers.length, 'layer', 'layers')}</span></h2>
<table class="rows"><thead><tr><th scope="col">Made by</th><th scope="col">Digest</th><th scope="col" class="number">Size</th></tr></thead><tbody>${rows}</tbody></table>
${steps.length > MOST_ROWS && html`<p class="quiet">${steps.length - MOST_ROWS} more steps are in the config.</p>`}`
}

const TITLE = 'org.opencontainers.image.title'

/** The word of a Dockerfile in bold; where no line is known, what the layer is called. */
function lineText(line: string, otherwise: string | undefined): Html {
  if (line === '') return html`<span class="quiet">${otherwise ?? 'a step of which nothing is said'}</span>`
  const [, word = '', rest = line] = /^([A-Z]+)( .*)$/s.exec(line) ?? []
  return html`<bdi><b>${word}</b>${rest}</bdi>`
}
