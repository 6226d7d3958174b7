import type { Digest } from '../../../../oci/digest.ts'
import { platformText } from '../../../../oci/image/image-config.ts'
import { isAttestation } from '../../../../oci/image/image-facts.ts'
import { shownText } from '../../../../oci/image/shown-text.ts'
import type { Manifest, ManifestReference } from '../../../../oci/manifest.ts'
import type { RepositoryName } from '../../../../oci/name.ts'
import { referenceText, type Site } from '../../site.ts'
import { annotation } from '../../text/annotations.ts'
import { artifactWords } from '../../text/artifact-words.ts'
import { type Html, html } from '../../text/html.ts'
import { shortDigest, sizeText } from '../../text/words.ts'

const MOST_ROWS = 300
const MAX_NAME = 200

export interface NamedManifests {
  readonly site: Site
  readonly repository: RepositoryName
  /** Bytes of the images among them, as far as they are known. */
  readonly sizes: ReadonlyMap<Digest, number>
}

/** What an image index names: its images by their platforms, then what tells of these. */
export function indexTable(named: NamedManifests, { references }: Manifest): Html {
  const images = references.filter((reference) => !isAttestation(reference))
  const others = references.filter(isAttestation)
  const platforms = new Map(images.map(({ descriptor }) => [String(descriptor.digest), platformText({ ...descriptor.platform })]))
  const rows = images.slice(0, MOST_ROWS).map((reference) => rowOf(named, reference, imageName(reference)))
  const attestations = others.slice(0, MOST_ROWS).map((reference) => {
    const about = annotation(reference.descriptor.annotations, 'vnd.docker.reference.digest') ?? ''
    const platform = platforms.get(about)
    return rowOf(named, reference, platform === undefined ? 'attestations' : `attestations of ${platform}`)
  })
  const left = references.length - rows.length - attestations.length
  return html`<h2>Images</h2>
<table class="rows"><thead><tr><th scope="col">Platform</th><th scope="col">Digest</th><th scope="col" class="number">Size</th></tr></thead><tbody>${rows}${attestations}</tbody></table>
${left > 0 && html`<p class="quiet">${left} more are in the manifest.</p>`}`
}

function imageName({ descriptor: { platform, artifactType, mediaType } }: ManifestReference): string {
  return platformText({ ...platform }) ?? shownText(artifactWords(artifactType) ?? mediaType, MAX_NAME)
}

function rowOf(
  { site, repository, sizes }: NamedManifests,
  { descriptor: { digest, size, mediaType } }: ManifestReference,
  name: string,
): Html {
  // What BuildKit's cache names are blobs, of which there is no screen.
  const isManifest = /manifest|index/.test(mediaType)
  const text = html`<bdi>${name}</bdi>`
  const link = isManifest
    ? html`<a href="${site.image(repository, digest)}" data-reference="${site.host}/${referenceText(repository, digest)}">${text}</a>`
    : text
  const bytes = sizes.get(digest) ?? (isManifest ? undefined : size)
  return html`<tr><td class="name">${link}</td><td class="digest"><code title="${digest}">${shortDigest(digest)}</code></td><td class="number">${bytes !== undefined && sizeText(bytes)}</td></tr>
`
}
