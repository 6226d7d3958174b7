import type { Digest } from '../../../../oci/digest.ts'
import type { Manifest } from '../../../../oci/manifest.ts'
import type { RepositoryName } from '../../../../oci/name.ts'
import type { Site } from '../../site.ts'
import { annotation } from '../../text/annotations.ts'
import { predicateWords } from '../../text/artifact-words.ts'
import { type Html, html } from '../../text/html.ts'
import { shortDigest, sizeText } from '../../text/words.ts'
import { isReadable } from './content.ts'
import { signerOf } from './signer.ts'

const MOST_ROWS = 300

interface Files {
  readonly site: Site
  readonly repository: RepositoryName
  readonly digest: Digest
}

/** What is in an artifact: its files, what an attestation says, by which name something was signed. */
export function fileTable({ site, repository, digest }: Files, { references }: Manifest): Html | undefined {
  const files = references.filter(({ role }) => role === 'layer').map(({ descriptor }) => descriptor)
  if (files.length === 0) return undefined
  const rows = files.slice(0, MOST_ROWS).map((file, place) => {
    const { annotations, mediaType, size } = file
    const title = annotation(annotations, 'org.opencontainers.image.title')
    const says = predicateWords(annotation(annotations, 'in-toto.io/predicate-type') ?? annotation(annotations, 'predicateType'))
    const name = html`<bdi>${title ?? says ?? mediaType}</bdi>`
    const link = isReadable(file) ? html`<a href="${site.content(repository, digest, `layer-${place}`)}">${name}</a>` : name
    const signer = signerOf(annotations)
    return html`<tr><td class="name">${link}</td><td>${(title ?? says) !== undefined && html`<bdi>${mediaType}</bdi>`}${signer !== undefined && html` <span class="quiet">signed as <bdi>${signer}</bdi>, not verified</span>`}</td><td class="digest"><code title="${file.digest}">${shortDigest(file.digest)}</code></td><td class="number">${sizeText(size)}</td></tr>
`
  })
  return html`<h2>Files</h2>
<table class="rows"><thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Digest</th><th scope="col" class="number">Size</th></tr></thead><tbody>${rows}</tbody></table>`
}
