import type { Digest } from '../../../oci/digest.ts'
import { platformText } from '../../../oci/image/image-config.ts'
import type { ImageFacts } from '../../../oci/image/image-facts.ts'
import type { Manifest } from '../../../oci/manifest.ts'
import { isImageIndex } from '../../../oci/media-types.ts'
import { isDigest, type Reference, type Tag } from '../../../oci/reference.ts'
import type { Referrer } from '../../../registry/content/catalog.ts'
import type { ShownImage } from '../../../registry/search/images.ts'
import type { PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { artifactWords } from '../artifact-words.ts'
import { pageResponse } from '../document.ts'
import { type Html, html } from '../html.ts'
import { known, textOf, whatItIs } from '../image-words.ts'
import { stepsOf } from '../layers.ts'
import type { ImagePage } from '../page-routes.ts'
import { pullCommands } from '../pull-commands.ts'
import { readShownManifest } from '../shown-manifest.ts'
import { referenceText, type Site } from '../site.ts'
import { siteOf } from '../site-of.ts'
import { listText, shortDigest, sizeText } from '../words.ts'
import { repositoryHeading } from './repository.ts'

const MOST_TAGS = 20
const MOST_REFERRERS = 50
const MOST_ROWS = 300

/** One image, or an image index: what it is, what it is made of, what is attached to it. */
export async function showImage(call: Call<ImagePage>): Promise<PlainResponse> {
  const site = siteOf(call)
  const { repository, reference } = call.route
  const { images, catalog } = call.registry
  const shown = await images.image(repository, reference)
  const { digest } = shown.manifest
  const first = await images.firstFacts(shown)
  const manifest = await readShownManifest(call.registry.manifests, repository, digest)
  const tags = (await images.tagsOf(repository, [digest], MOST_TAGS + 1)).get(digest) ?? []
  const page = { last: undefined, limit: MOST_REFERRERS }
  const referrers = await catalog.listReferrers(repository, digest, { artifactType: undefined }, page)
  const parts = { site, call, shown, manifest }
  const madeOf =
    manifest && (isImageIndex(manifest.mediaType) ? await platformTable(parts, manifest) : layerTable(manifest, shown.facts))
  const main = html`${heading(site, call.route, tags)}
${pullCommands(site, repository, isDigest(reference) ? [digest] : [reference, digest])}
${whatItIs(shown, first)}
${kindOf(manifest)}
${madeOf}
${configOf(shown.facts)}
${referrerTable(parts, referrers.entries, referrers.more)}
${rawLinks(parts)}`
  return await pageResponse(site, { title: referenceText(repository, shortened(reference)), main })
}

function shortened(reference: Reference): Reference {
  return isDigest(reference) ? (reference.slice(0, 'sha256:'.length + 12) as Digest) : reference
}

function heading(site: Site, { repository, reference }: ImagePage, tags: readonly Tag[]): Html {
  const own = isDigest(reference)
    ? html`<span class="quiet">@</span><code>${shortDigest(reference)}</code>`
    : html`<span class="quiet">:</span>${reference}`
  const others = tags.filter((tag) => tag !== reference)
  const links = others
    .slice(0, MOST_TAGS)
    .map((tag, place) => html`${place > 0 && ', '}<a href="${site.image(repository, tag)}"><code>${tag}</code></a>`)
  return html`${repositoryHeading(site, repository, own)}
<p class="facts">${others.length > 0 && html`<span>${isDigest(reference) ? 'tagged' : 'also tagged'} ${links}${others.length > MOST_TAGS && ', …'}</span>`}${!isDigest(reference) && html`<span><a href="${site.history(repository, reference)}">Where this tag pointed before</a></span>`}</p>`
}

interface Parts {
  readonly site: Site
  readonly call: Call<ImagePage>
  readonly shown: ShownImage
  readonly manifest: Manifest | undefined
}

/** What a manifest that is no image is: a chart, a signature, an SBOM. */
function kindOf(manifest: Manifest | undefined): Html | undefined {
  if (manifest === undefined)
    return html`<p class="quiet">The manifest is too large to be shown, or cannot be read; the link below leads to it as it is.</p>`
  const words = artifactWords(manifest.artifactType)
  return known([
    ['Kind', words],
    ['Attached to', manifest.subject && html`<code>${manifest.subject.digest}</code>`],
  ])
}

async function platformTable({ site, call }: Parts, { references }: Manifest): Promise<Html> {
  const { repository } = call.route
  const children = references.slice(0, MOST_ROWS).map(({ descriptor }) => descriptor)
  const sizes = await call.registry.images.sizesOf(children.map(({ digest }) => digest))
  const rows = children.map((descriptor) => {
    const { digest, platform, annotations = {}, artifactType } = descriptor
    const isAttestation = Object.hasOwn(annotations, 'vnd.docker.reference.type')
    const name = isAttestation ? 'attestation' : (platformText({ ...platform }) ?? artifactWords(artifactType) ?? 'manifest')
    return html`<tr><td class="name"><a href="${site.image(repository, digest)}" data-reference="${site.host}/${referenceText(repository, digest)}">${name}</a></td><td class="digest"><code>${shortDigest(digest)}</code></td><td class="number">${sizeOf(sizes.get(digest))}</td></tr>
`
  })
  return html`<h2>Images</h2>
<table class="rows"><thead><tr><th scope="col">Platform</th><th scope="col">Digest</th><th scope="col" class="number">Size</th></tr></thead><tbody>${rows}</tbody></table>`
}

function sizeOf(bytes: number | undefined): string {
  return bytes === undefined ? '' : sizeText(bytes)
}

function layerTable({ references }: Manifest, facts: ImageFacts | undefined): Html | undefined {
  const layers = references.filter(({ role }) => role === 'layer').map(({ descriptor }) => descriptor)
  const steps = stepsOf(facts?.config?.history ?? [], layers)
  if (steps.length === 0) return undefined
  const rows = steps.slice(0, MOST_ROWS).map(({ line, layer }) => {
    const [, word = '', rest = line] = /^([A-Z]+)( .*)$/s.exec(line) ?? []
    const text =
      line === ''
        ? html`<span class="quiet">${layer === undefined ? 'a step of which nothing is said' : layer.mediaType}</span>`
        : html`<bdi><b>${word}</b>${rest}</bdi>`
    return html`<tr><td class="name"><div class="step mono">${text}</div></td><td class="digest">${layer !== undefined && html`<code title="${layer.digest}">${shortDigest(layer.digest)}</code>`}</td><td class="number">${layer !== undefined && sizeText(layer.size)}</td></tr>
`
  })
  return html`<h2>Layers</h2>
<table class="rows"><thead><tr><th scope="col">Made by</th><th scope="col">Digest</th><th scope="col" class="number">Size</th></tr></thead><tbody>${rows}</tbody></table>
${steps.length > MOST_ROWS && html`<p class="quiet">${steps.length - MOST_ROWS} more steps are in the config.</p>`}`
}

function configOf(facts: ImageFacts | undefined): Html | undefined {
  if (facts?.config === undefined) return undefined
  const { environment, labels } = facts.config
  const named = Object.entries(labels).map(([name, value]) => [name, textOf(value)] as const)
  return html`${environment.length > 0 && html`<h2>Environment</h2><p>${listText(environment, 100)} <span class="quiet">(names; the values are in the config)</span></p>`}
${named.length > 0 && html`<h2>Labels</h2>${known(named, 'long')}`}`
}

function referrerTable({ site, call }: Parts, referrers: readonly Referrer[], more: boolean): Html | undefined {
  if (referrers.length === 0) return undefined
  const rows = referrers.map(
    ({
      digest,
      artifactType,
      mediaType,
      size,
    }) => html`<tr><td class="name"><a href="${site.image(call.route.repository, digest)}">${artifactWords(artifactType) ?? mediaType}</a></td><td class="digest"><code>${shortDigest(digest)}</code></td><td class="number">${sizeText(size)}</td></tr>
`,
  )
  return html`<h2>Attached</h2>
<table class="rows"><thead><tr><th scope="col">What</th><th scope="col">Digest</th><th scope="col" class="number">Manifest</th></tr></thead><tbody>${rows}</tbody></table>
${more && html`<p class="quiet">More are attached; <code>/v2/${call.route.repository}/referrers/</code> lists all of them.</p>`}`
}

function rawLinks({ site, call, shown, manifest }: Parts): Html {
  const { repository } = call.route
  const { digest, mediaType, size } = shown.manifest
  const hasConfig = manifest?.references.some(({ role }) => role === 'config') === true
  return html`<h2>As it is</h2>
${known([
  ['Digest', html`<code>${digest}</code>`],
  ['Manifest', html`<a href="${site.content(repository, digest, 'manifest')}">${mediaType}</a>, ${sizeText(size)}`],
  ['Config', hasConfig && html`<a href="${site.content(repository, digest, 'config')}">as its builder wrote it</a>`],
])}`
}
