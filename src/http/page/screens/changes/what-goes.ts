import type { RepositoryName } from '../../../../oci/name.ts'
import type { Preview } from '../../../../registry/deleting/preview.ts'
import type { Going } from '../../../../registry/deleting/selection.ts'
import type { SeenBefore } from '../../../api/deletions.ts'
import type { Site } from '../../site.ts'
import { type Html, html } from '../../text/html.ts'
import { countText, shortDigest, shortTag, sizeText, whenText } from '../../text/words.ts'

/** What the button says: `Delete 3 tags and 2 images, frees 1.2 GB tomorrow at 14:05 UTC`. */
export function deleteWords({ tags, manifests, bytes, freedAfterMs }: Preview, nowMs: number): string {
  const what = [tags > 0 && countText(tags, 'tag', 'tags'), manifests > 0 && countText(manifests, 'image', 'manifests')]
  const names = what.filter((each) => each !== false).join(' and ')
  if (bytes === 0) return `Delete ${names}, frees nothing`
  const when = freedAfterMs === undefined ? 'when a collector runs' : whenText(nowMs + freedAfterMs, nowMs)
  return `Delete ${names}, frees ${sizeText(bytes)} ${when}`
}

/** What goes, what goes with it, and what of that which is meant stays and why. */
export function whatGoes(site: Site, repository: RepositoryName, { preview, named, staying }: SeenBefore): Html {
  const { tags, manifests, released, leftUntagged, unreadable, kept, namedBy } = preview
  const left = tags + manifests + released - named.length
  return html`${tags + manifests === 0 && html`<p>Nothing of this goes.</p>`}
${leftUntagged > 0 && html`<p>${countText(leftUntagged, 'image loses its last tag and stays', 'images lose their last tag and stay')}: ${named.length === 1 && manifests === 0 ? ofOneTag(site, repository, named[0]) : 'to delete an image, delete it by its digest.'}</p>`}
${released > 0 && html`<p>${countText(released, 'manifest goes', 'manifests go')} with them: images of an image index, signatures, SBOMs.</p>`}
${namedBy.length > 0 && html`<p class="danger">An image index names it, and would be broken. Delete the image index first: ${namedBy.map((digest, place) => html`${place > 0 && ', '}<a href="${site.image(repository, digest)}"><code>${shortDigest(digest)}</code></a>`)}</p>`}
${named.length > 0 && html`<table class="rows"><thead><tr><th scope="col">Goes</th><th scope="col">What</th><th scope="col">Digest</th></tr></thead><tbody>${named.map((going) => goingRow(site, repository, going))}</tbody></table>`}
${left > 0 && html`<p class="quiet">and ${left.toLocaleString('en-US')} more</p>`}
${
  kept > 0 &&
  html`<h2>Stays</h2><table class="rows"><thead><tr><th scope="col">What</th><th scope="col">Because</th></tr></thead><tbody>${staying.map(
    ({ reference, because }) => html`<tr><td class="name"><code>${reference}</code></td><td>${because}</td></tr>
`,
  )}</tbody></table>`
}
${unreadable > 0 && html`<p class="quiet">${countText(unreadable, 'manifest that cannot be read stays', 'manifests that cannot be read stay')}.</p>`}`
}

/** One tag alone leaves its image: the reader may have meant the image. */
function ofOneTag(site: Site, repository: RepositoryName, going: Going | undefined): Html | undefined {
  if (going === undefined) return undefined
  return html`<a href="${site.part(repository, 'delete', { digest: going.digest })}">delete the image as well</a>.`
}

const KINDS: Readonly<Record<Going['kind'], string>> = { tag: 'tag', manifest: 'image', released: 'goes with it later' }

function goingRow(site: Site, repository: RepositoryName, going: Going): Html {
  const { kind, digest } = going
  const name = kind === 'tag' ? shortTag(going.tag) : shortDigest(digest)
  const address = site.image(repository, kind === 'tag' ? going.tag : digest)
  return html`<tr><td class="name"><a href="${address}"><code>${name}</code></a></td><td>${KINDS[kind]}</td><td class="digest"><code title="${digest}">${shortDigest(digest)}</code></td></tr>
`
}
