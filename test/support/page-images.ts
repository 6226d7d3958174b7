import { pushImage } from '../collect/rows/row.ts'
import { type Content, contentOf, descriptorOf, fixedBytes, jsonContent } from './images.ts'
import { debianLayer, imageOf as imageOfFiles, untilRead } from './inside-image.ts'
import { expectStatus, type RegistryClient } from './registry-client.ts'

const OCI = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'
const EMPTY = contentOf('application/vnd.oci.empty.v1+json', Buffer.from('{}'))

/** What a test says of an image that it pushes. */
export interface ImageWords {
  readonly created?: string
  readonly architecture?: string
  readonly config?: Readonly<Record<string, unknown>>
  readonly history?: readonly Readonly<Record<string, unknown>>[]
  readonly annotations?: Readonly<Record<string, string>>
  /** Bytes of each layer. */
  readonly layers?: readonly number[]
}

/** An image as a builder makes it, in words of the test. */
export function imageOf(words: ImageWords): { readonly manifest: Content; readonly blobs: readonly Content[] } {
  const { created = '2026-01-02T03:04:05Z', architecture = 'amd64', annotations, history, layers = [1_000] } = words
  const blobs = layers.map((bytes) => contentOf(LAYER, fixedBytes(bytes)))
  const config = jsonContent(CONFIG, { created, os: 'linux', architecture, config: words.config ?? {}, history })
  const manifest = jsonContent(OCI, {
    ...{ schemaVersion: 2, mediaType: OCI, config: descriptorOf(config), layers: blobs.map(descriptorOf) },
    annotations,
  })
  return { manifest, blobs: [config, ...blobs] }
}

/** Pushes images and what belongs to them, each blob once. */
export class PageImages {
  readonly #client: RegistryClient

  constructor(client: RegistryClient) {
    this.#client = client
  }

  async push(repository: string, tags: readonly string[], words: ImageWords): Promise<Content> {
    const { manifest, blobs } = imageOf(words)
    for (const blob of blobs) await this.#client.pushBlob(repository, blob)
    for (const tag of tags.length === 0 ? [manifest.digest] : tags) await this.put(repository, tag, manifest)
    return manifest
  }

  async pushIndex(repository: string, tags: readonly string[], images: readonly ImageWords[]): Promise<Content> {
    const manifests: object[] = []
    for (const words of images) {
      const manifest = await this.push(repository, [], words)
      manifests.push({ ...descriptorOf(manifest), platform: { os: 'linux', architecture: words.architecture ?? 'amd64' } })
    }
    const index = jsonContent(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests })
    for (const tag of tags) await this.put(repository, tag, index)
    return index
  }

  /** What refers to an image: a signature, an SBOM. */
  async attach(repository: string, subject: Content, artifactType: string): Promise<Content> {
    await this.#client.pushBlob(repository, EMPTY)
    const manifest = jsonContent(OCI, {
      ...{ schemaVersion: 2, mediaType: OCI, artifactType, config: descriptorOf(EMPTY), layers: [descriptorOf(EMPTY)] },
      subject: descriptorOf(subject),
    })
    await this.put(repository, manifest.digest, manifest)
    return manifest
  }

  async put(repository: string, reference: string, manifest: Content): Promise<void> {
    await expectStatus(await this.#client.putManifest(repository, reference, manifest), 201)
  }
}

/** A service as people build one, for two platforms, on Debian. */
export const SERVICE: ImageWords = {
  created: '2026-05-04T10:20:30Z',
  config: {
    ...{ User: '1000', WorkingDir: '/srv', Entrypoint: ['/usr/local/bin/payments'], Cmd: ['--listen', ':8080'] },
    ...{ ExposedPorts: { '8080/tcp': {} }, Env: ['PATH=/usr/local/bin:/usr/bin', 'DATABASE_URL=postgres://secret@db/payments'] },
    Labels: { 'org.opencontainers.image.source': 'https://git.example.com/team/payments', maintainer: 'team@example.com' },
  },
  history: [
    { created_by: "# debian.sh --arch 'amd64' out/ 'bookworm' '@1730764800'" },
    {
      created_by: 'RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends ca-certificates libpq5 # buildkit',
    },
    { created_by: 'ENV DATABASE_URL=', empty_layer: true },
    { created_by: 'COPY dist/payments /usr/local/bin/payments # buildkit' },
    { created_by: 'USER 1000', empty_layer: true },
    { created_by: 'ENTRYPOINT ["/usr/local/bin/payments"]', empty_layer: true },
  ],
  annotations: {
    'org.opencontainers.image.title': 'Payments',
    'org.opencontainers.image.description': 'Takes payments and tells the ledger.',
    'org.opencontainers.image.version': '2.3.1',
  },
  layers: [280_000, 52_000, 9_400],
}

/** Repositories for every screen: of several platforms, with attachments, a chart, and a tag that moved. Gives the digest of the service. */
export async function pushForEveryScreen(images: PageImages): Promise<{ readonly service: string; readonly signature: string }> {
  await images.push('team/payments', ['2.3.0', 'latest'], {
    ...SERVICE,
    created: '2026-05-01T08:00:00Z',
    layers: [280_000, 52_000, 9_000],
  })
  const service = await images.push('team/payments', ['2.3.1', '2.3', 'latest', 'stable'], SERVICE)
  const signature = await images.attach('team/payments', service, 'application/vnd.dev.sigstore.bundle.v0.3+json')
  await images.attach('team/payments', service, 'application/spdx+json')
  await images.pushIndex(
    'team/ledger',
    ['1.0', 'latest'],
    [
      { ...SERVICE, layers: [1, 2, 3] },
      { ...SERVICE, architecture: 'arm64' },
    ],
  )
  const described = (title: string, description: string) => ({
    annotations: { 'org.opencontainers.image.title': title, 'org.opencontainers.image.description': description },
  })
  await images.push('library/alpine', ['3.20', 'latest'], { layers: [3_600_000], ...described('Alpine', 'A small Linux.') })
  await images.push('tools/lint', ['main'], described('Lint', 'Looks at code before people do.'))
  await images.push('web/frontend', ['v12'], {})
  return { service: service.digest, signature: signature.digest }
}

/** With these below `storage:` the registry reads layers. */
export const READS_LAYERS = '  filesystem: {rootdirectory: FOLDER/data}\n  maintenance: {layers: {enabled: true}}'

/** Two images of which it is told what is in them, `tools/debian` 12 and 12.1, and a host that runs one of another repository and not what it is to. */
export async function pushForOtherScreens(client: RegistryClient, service: string): Promise<void> {
  const packages = ['bash 5.2.15-2', 'libc6 2.36-9', 'openssl 3.0.11-1']
  const [old, fresh] = ['3.0.11-1', '3.0.13-1'].map((version) => [...packages.slice(0, 2), `openssl ${version}`])
  for (const [tag, installed] of Object.entries({ '12': old, '12.1': fresh })) {
    const files = [...debianLayer(...(installed ?? [])), { path: 'etc/motd', bytes: `Debian ${tag}\n` }]
    await pushImage(client, imageOfFiles([files], { Cmd: ['bash'] }), tag, 'tools/debian')
    await untilRead(client, 'tools/debian', tag)
  }
  const of = (container: string, more: object) => ({
    container,
    repository: 'team/payments',
    digest: service,
    state: 'running',
    ...more,
  })
  const containers = [
    of('payments', { tag: '2.3.1', since: '2026-05-02T08:00:00Z' }),
    of('payments-canary', { tag: 'latest', wanted: `sha256:${'b'.repeat(64)}`, problem: 'it was not healthy within 60 seconds' }),
  ]
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ containers })
  await expectStatus(await client.request('PUT', '/api/v1/deployments/web-1', { headers, body }), 200)
}
