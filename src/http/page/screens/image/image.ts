import type { Digest } from '../../../../oci/digest.ts'
import { RegistryError } from '../../../../oci/errors.ts'
import type { ImageFacts } from '../../../../oci/image/image-facts.ts'
import type { Manifest } from '../../../../oci/manifest.ts'
import { isImageIndex } from '../../../../oci/media-types.ts'
import { isDigest, type Reference, type Tag } from '../../../../oci/reference.ts'
import type { ShownImage } from '../../../../registry/search/images.ts'
import type { ShownUse } from '../../../../registry/shown/repositories.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import type { Call } from '../../../call.ts'
import { pageResponse } from '../../document.ts'
import { repositoryHeading } from '../../heading.ts'
import { mayDo } from '../../may.ts'
import type { ImagePage } from '../../page-routes.ts'
import { pullCommands } from '../../pull-commands.ts'
import { readShownManifest } from '../../shown-manifest.ts'
import { referenceText, type Site } from '../../site.ts'
import { siteOf } from '../../site-of.ts'
import { shownAnnotations } from '../../text/annotations.ts'
import { type Kind, kindOf } from '../../text/artifact-words.ts'
import { type Html, html } from '../../text/html.ts'
import { known, textOf, whatItIs } from '../../text/image-words.ts'
import { countText, shortDigest, shortTag, sizeText, timeOf } from '../../text/words.ts'
import { attachedTable } from './attached.ts'
import { chartFacts } from './chart.ts'
import { configFacts } from './config-facts.ts'
import { fileTable } from './file-table.ts'
import { indexTable } from './index-table.ts'
import { layerTable } from './layer-table.ts'

const MOST_TAGS = 20
const UNKNOWN_KIND: Kind = { words: undefined, pulledBy: 'container clients' }

interface Parts {
  readonly site: Site
  readonly call: Call<ImagePage>
  readonly shown: ShownImage
  /** Undefined where it is too large to be shown, or cannot be read. */
  readonly manifest: Manifest | undefined
  readonly kind: Kind
  /** What is said of the image; of an image index, of its first. */
  readonly said: ImageFacts | undefined
}

/** One image, an image index, or an artifact: what it is, what it is made of, what is attached to it. */
export async function showImage(call: Call<ImagePage>): Promise<PlainResponse> {
  const site = siteOf(call)
  const { repository, reference } = call.route
  const shown = await call.registry.images.image(repository, reference)
  const { digest } = shown.manifest
  const manifest = await readShownManifest(call.registry.manifests, repository, digest)
  const kind = manifest === undefined ? UNKNOWN_KIND : kindOfManifest(manifest)
  const parts = { site, call, shown, manifest, kind, said: await call.registry.images.firstFacts(shown) }
  const references = isDigest(reference) ? [digest] : [reference, digest]
  const main = html`${await heading(parts)}
${pullCommands(site, { repository, references, pulledBy: kind.pulledBy })}
${await factsOf(parts)}
${manifest !== undefined && (await madeOf(parts, manifest))}
${await attachedTable(call, site, digest)}
${kind.words === undefined && configFacts(shown.facts)}
${annotationsOf(manifest)}
${rawLinks(parts)}`
  return await pageResponse(site, { title: referenceText(repository, shortened(reference)), main })
}

function shortened(reference: Reference): Reference {
  return isDigest(reference) ? (reference.slice(0, 'sha256:'.length + 12) as Digest) : reference
}

function kindOfManifest({ artifactType, references, mediaType }: Manifest): Kind {
  const named = references.filter(({ role }) => role !== 'config').map(({ descriptor }) => descriptor.mediaType)
  return kindOf({ artifactType: isImageIndex(mediaType) ? undefined : artifactType, mediaTypes: named })
}

/** Its name, its other names, and how it is used. */
async function heading({ site, call, shown }: Parts): Promise<Html> {
  const { repository, reference } = call.route
  const { tags, pulls } = call.registry.shown
  const { digest } = shown.manifest
  const own = isDigest(reference)
    ? html`<span class="quiet">@</span><code>${shortDigest(reference)}</code>`
    : html`<span class="quiet">:</span>${shortTag(reference)}`
  const row = isDigest(reference) ? undefined : await tags.find(repository, reference)
  const others = (await tags.leadingTo(repository, digest, MOST_TAGS + 2)).filter((tag) => tag !== reference)
  const { days30, lastMs } = await pulls.of(repository, digest)
  const [moved, pulled] = [timeOf(row?.movedMs), timeOf(lastMs)]
  const facts = [
    others.length > 0 && html`${isDigest(reference) ? 'tagged' : 'also tagged'} ${tagLinks(parts(site, call), others)}`,
    moved !== undefined && html`moved ${moved}${row?.movedBy != null && html`, <bdi>${row.movedBy}</bdi>`}`,
    !isDigest(reference) && html`<a href="${site.history(repository, reference)}">Where this tag pointed before</a>`,
    pulled !== undefined && html`pulled ${pulled}, ${countText(days30, 'time', 'times')} in 30 days`,
  ]
  return html`${repositoryHeading(site, repository, own)}
<p class="facts">${facts.filter((fact) => fact !== false).map((fact) => html`<span>${fact}</span>`)}</p>
<p class="facts"><span>${compareLink(call, site)}</span>${call.registry.shown.inside.isRead && html`<span><a href="${site.part(repository, 'inside', { of: reference })}">What is in it</a></span>`}${mayDo(call, 'delete', repository) && html`<span><a class="danger" href="${site.part(repository, 'delete', isDigest(reference) ? { digest } : { tag: reference })}">Delete…</a></span>`}</p>`
}

function compareLink({ route }: Call<ImagePage>, site: Site): Html {
  return html`<a href="${site.part(route.repository, 'compare', { from: route.reference })}">Compare with another</a>`
}

function parts(site: Site, { route }: Call<ImagePage>) {
  return { site, repository: route.repository }
}

function tagLinks({ site, repository }: ReturnType<typeof parts>, tags: readonly Tag[]): Html {
  const links = tags
    .slice(0, MOST_TAGS)
    .map((tag, place) => html`${place > 0 && ', '}<a href="${site.image(repository, tag)}"><code>${tag}</code></a>`)
  return html`${links}${tags.length > MOST_TAGS && ', …'}`
}

async function factsOf({ call, site, shown, manifest, kind, said }: Parts): Promise<Html> {
  const { repository } = call.route
  const subject = manifest?.subject?.digest
  return html`${manifest === undefined && html`<p class="quiet">The manifest is too large to be shown, or cannot be read; the link below leads to it as it is.</p>`}
${known([
  [
    'Kind',
    kind.words === undefined ? isImageIndex(shown.manifest.mediaType) && 'image for several platforms' : textOf(kind.words),
  ],
  ['Attached to', subject && html`<a href="${site.image(repository, subject)}"><code>${subject}</code></a>`],
])}
${kind.pulledBy === 'helm' && manifest !== undefined && (await chartFacts(call, manifest))}
${kind.pulledBy === 'container clients' && whatItIs(shown, said, sizeWords(shown, await useOf(call, shown.manifest.digest)))}`
}

/** Undefined where an image index names too much to be counted for a request. */
async function useOf({ registry, route }: Call<ImagePage>, digest: Digest): Promise<ShownUse | undefined> {
  const { repositories } = registry.shown
  try {
    return await repositories.useOfImage(await repositories.require(route.repository), digest)
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'UNSUPPORTED') return undefined
    throw error
  }
}

function sizeWords({ facts }: ShownImage, use: ShownUse | undefined): string | undefined {
  const size = facts?.size ?? use?.bytes
  if (size === undefined) return undefined
  return `${sizeText(size)}${facts?.size === undefined ? ' with all its images' : ''}${ownWords(use)}`
}

/** What deleting it would set free. */
function ownWords(use: ShownUse | undefined): string {
  if (use?.own === undefined) return ''
  if (use.own === 0) return '; other images need all of it'
  return use.own === use.bytes ? '; no other image needs any of it' : `; ${sizeText(use.own)} of it no other image needs`
}

async function madeOf({ site, call, shown, kind, said }: Parts, manifest: Manifest): Promise<Html | undefined> {
  const { repository } = call.route
  const { digest } = shown.manifest
  if (isImageIndex(manifest.mediaType)) {
    const named = manifest.references.map(({ descriptor }) => descriptor.digest)
    return indexTable({ site, repository, sizes: await call.registry.images.sizesOf(named.slice(0, 600)) }, manifest)
  }
  if (kind.words !== undefined) return fileTable({ site, repository, digest }, manifest)
  return layerTable(manifest, said?.config?.history ?? [])
}

function annotationsOf(manifest: Manifest | undefined): Html | undefined {
  const annotations = shownAnnotations(manifest?.annotations)
  if (annotations.length === 0) return undefined
  return html`<h2>Annotations</h2>${known(
    annotations.map(([name, text]) => [name, textOf(text)] as const),
    'long',
  )}`
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
