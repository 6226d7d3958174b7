import type { Digest } from '../../../../oci/digest.ts'
import type { Tag } from '../../../../oci/reference.ts'
import type { Referrer } from '../../../../registry/content/catalog.ts'
import type { Call } from '../../../call.ts'
import type { ImagePage } from '../../page-routes.ts'
import type { Site } from '../../site.ts'
import { annotation } from '../../text/annotations.ts'
import { artifactWords, predicateWords } from '../../text/artifact-words.ts'
import { type Html, html } from '../../text/html.ts'
import { shortDigest, timeOf } from '../../text/words.ts'

const MOST_REFERRERS = 50
const MOST_TAGS = 10
/** Of so many of them what they say of themselves is read, where it is short. */
const MOST_READ = 20
const MAX_ANNOTATIONS = 16 * 1024

/** What is attached to an image: by its subject, or by the name of a tag. */
export async function attachedTable({ registry, route }: Call<ImagePage>, site: Site, digest: Digest): Promise<Html | undefined> {
  const { repository } = route
  const page = { last: undefined, limit: MOST_REFERRERS }
  const { entries, more } = await registry.catalog.listReferrers(repository, digest, { artifactType: undefined }, page)
  const tags = await registry.shown.tags.attachedTo(repository, digest, MOST_TAGS)
  if (entries.length === 0 && tags.length === 0) return undefined
  const rows: Html[] = []
  for (const [place, referrer] of entries.entries()) {
    const says = place < MOST_READ ? await saidBy(registry, referrer) : undefined
    rows.push(html`<tr><td class="name"><a href="${site.image(repository, referrer.digest)}">${artifactWords(referrer.artifactType) ?? referrer.mediaType}</a></td><td>${says}</td><td class="digest"><code title="${referrer.digest}">${shortDigest(referrer.digest)}</code></td></tr>
`)
  }
  for (const tag of tags)
    rows.push(html`<tr><td class="name"><a href="${site.image(repository, tag)}">${tagWords(tag)}</a></td><td class="quiet">by the name of its tag</td><td></td></tr>
`)
  return html`<h2>Attached</h2>
<table class="rows"><thead><tr><th scope="col">What</th><th scope="col">Says</th><th scope="col">Digest</th></tr></thead><tbody>${rows}</tbody></table>
${more && html`<p class="quiet">More are attached; <code>/v2/${repository}/referrers/</code> lists all of them.</p>`}`
}

/** Undefined where it says nothing that is shown, too much, or has gone meanwhile. */
async function saidBy({ catalog }: Call<ImagePage>['registry'], referrer: Referrer): Promise<Html | undefined> {
  if (referrer.annotationBytes === 0 || referrer.annotationBytes > MAX_ANNOTATIONS) return undefined
  const pieces: (Uint8Array | string)[] = []
  for await (const piece of catalog.annotationsOf(referrer)) pieces.push(piece)
  const annotations = JSON.parse(Buffer.concat(pieces.map((piece) => Buffer.from(piece))).toString()) as Record<string, string>
  const made = timeOf(Date.parse(annotation(annotations, 'org.opencontainers.image.created') ?? ''))
  const what = predicateWords(
    annotation(annotations, 'in-toto.io/predicate-type') ?? annotation(annotations, 'dev.sigstore.bundle.predicateType'),
  )
  if (made === undefined && what === undefined) return undefined
  return html`${what !== undefined && html`<bdi>${what}</bdi>`}${what !== undefined && made !== undefined && ', '}${made !== undefined && html`made ${made}`}`
}

const SUFFIXES: readonly (readonly [suffix: string, words: string])[] = [
  ['.sig', 'signature (cosign)'],
  ['.att', 'attestation (cosign)'],
  ['.sbom', 'SBOM (cosign)'],
]

function tagWords(tag: Tag): string {
  return SUFFIXES.find(([suffix]) => tag.endsWith(suffix))?.[1] ?? `something that is called ${tag.slice(0, 20)}…`
}
