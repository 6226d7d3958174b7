import { type Content, contentOf, descriptorOf, fixedBytes, jsonContent } from './images.ts'
import type { PageImages } from './page-images.ts'
import type { RegistryClient } from './registry-client.ts'

const OCI = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const IMAGE_CONFIG = 'application/vnd.oci.image.config.v1+json'
const EMPTY = contentOf('application/vnd.oci.empty.v1+json', Buffer.from('{}'))

interface Artifact {
  readonly config: Content
  readonly files: readonly { readonly content: Content; readonly annotations?: Readonly<Record<string, string>> }[]
  readonly artifactType?: string
  readonly subject?: Content
}

interface FileWords {
  readonly title: string
  readonly mediaType: string
  readonly predicate: string
}

/** What is pushed beside images: each as the program makes it that people push it with. */
export class PageArtifacts {
  readonly #client: RegistryClient
  readonly #images: PageImages

  constructor(client: RegistryClient, images: PageImages) {
    this.#client = client
    this.#images = images
  }

  /** As `helm push` does. */
  async chart(repository: string, tag: string, chart: Readonly<Record<string, unknown>>): Promise<void> {
    const config = jsonContent('application/vnd.cncf.helm.config.v1+json', chart)
    const content = contentOf('application/vnd.cncf.helm.chart.content.v1.tar+gzip', fixedBytes(900))
    await this.#put(repository, tag, { config, files: [{ content }] })
  }

  /** A file as a stranger may call it. */
  async file(repository: string, tag: string, { title, mediaType, predicate }: FileWords): Promise<void> {
    const content = contentOf(mediaType, Buffer.from(title))
    const annotations = { 'org.opencontainers.image.title': title, 'in-toto.io/predicate-type': predicate }
    await this.#put(repository, tag, { config: EMPTY, files: [{ content, annotations }], artifactType: mediaType })
  }

  /** As `cosign sign` does: by the name of a tag. */
  async cosignSignature(repository: string, of: Content): Promise<string> {
    const payload = { critical: { identity: { 'docker-reference': repository }, image: { 'docker-manifest-digest': of.digest } } }
    const content = jsonContent('application/vnd.dev.cosign.simplesigning.v1+json', payload)
    const annotations = { 'dev.cosignproject.cosign/signature': 'MEUCIQ==' }
    const tag = `${of.digest.replace(':', '-')}.sig`
    await this.#put(repository, tag, { config: jsonContent(IMAGE_CONFIG, {}), files: [{ content, annotations }] })
    return tag
  }

  /** As `oras attach` does. */
  async sbom(repository: string, subject: Content): Promise<Content> {
    const content = jsonContent('application/spdx+json', { spdxVersion: 'SPDX-2.3', name: 'service' })
    const files = [{ content, annotations: { 'org.opencontainers.image.title': 'sbom.spdx.json' } }]
    const artifact = { config: EMPTY, files, artifactType: 'application/spdx+json', subject }
    return await this.#put(repository, undefined, artifact)
  }

  /** An index as BuildKit pushes it with `--attest`: an image, and beside it what tells how it was built. */
  async attestedIndex(repository: string, tag: string, image: Content): Promise<Content> {
    const statement = jsonContent('application/vnd.in-toto+json', { predicateType: 'https://slsa.dev/provenance/v0.2' })
    const annotations = { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v0.2' }
    const attestation = await this.#put(repository, undefined, {
      config: jsonContent(IMAGE_CONFIG, { architecture: 'unknown', os: 'unknown' }),
      files: [{ content: statement, annotations }],
    })
    const about = { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': image.digest }
    const manifests = [
      { ...descriptorOf(image), platform: { os: 'linux', architecture: 'amd64' } },
      { ...descriptorOf(attestation), platform: { os: 'unknown', architecture: 'unknown' }, annotations: about },
    ]
    await this.#images.put(repository, tag, jsonContent(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests }))
    return attestation
  }

  /** As `buildctl --export-cache type=registry,image-manifest=true` does. */
  async buildCache(repository: string, tag: string): Promise<void> {
    const config = jsonContent('application/vnd.buildkit.cacheconfig.v0', { layers: [], records: [] })
    const content = contentOf('application/vnd.oci.image.layer.v1.tar+gzip', fixedBytes(700))
    await this.#put(repository, tag, { config, files: [{ content }] })
  }

  async #put(repository: string, tag: string | undefined, { config, files, ...rest }: Artifact): Promise<Content> {
    for (const blob of [config, ...files.map(({ content }) => content)]) await this.#client.pushBlob(repository, blob)
    const manifest = jsonContent(OCI, {
      ...{ schemaVersion: 2, mediaType: OCI, config: descriptorOf(config), artifactType: rest.artifactType },
      layers: files.map(({ content, annotations }) => ({ ...descriptorOf(content), annotations })),
      subject: rest.subject && descriptorOf(rest.subject),
    })
    await this.#images.put(repository, tag ?? manifest.digest, manifest)
    return manifest
  }
}
