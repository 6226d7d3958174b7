import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { z } from 'zod'
import { ANSWERS } from '../../src/http/api/answers.ts'
import { EMPTY_CONFIG, OCI_IMAGE, OCI_INDEX } from '../support/artifacts.ts'
import { type Content, contentOf, descriptorOf, jsonContent, makeImage } from '../support/images.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { someServers } from '../support/wire.ts'

setDefaultTimeout(120_000)

const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'

/** Each is pushed as the program makes it that people push it with, and is shown as what it is. */
describe.each(someServers('artifacts'))('/api/v1 of %s shows', (_, server) => {
  let registry: RestartableRegistry
  let client: RegistryClient

  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'filesystem', server })
    client = new RegistryClient(registry.url ?? '')
  })
  afterAll(() => registry[Symbol.asyncDispose]())

  interface Parts {
    readonly config: Content
    readonly files: readonly Content[]
    readonly more?: object
  }

  async function put(repository: string, tag: string | undefined, { config, files, more = {} }: Parts): Promise<Content> {
    for (const blob of [config, ...files]) await client.pushBlob(repository, blob)
    const body = {
      schemaVersion: 2,
      mediaType: OCI_IMAGE,
      config: descriptorOf(config),
      layers: files.map(descriptorOf),
      ...more,
    }
    const manifest = jsonContent(OCI_IMAGE, body)
    await expectStatus(await client.putManifest(repository, tag ?? manifest.digest, manifest), 201)
    return manifest
  }

  async function putIndex(repository: string, tag: string, manifests: readonly object[]): Promise<Content> {
    const index = jsonContent(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests })
    await expectStatus(await client.putManifest(repository, tag, index), 201)
    return index
  }

  async function shown(repository: string, query: string): Promise<z.output<typeof ANSWERS.image>> {
    const response = await expectStatus(await client.request('GET', `/api/v1/repositories/${repository}/image?${query}`), 200)
    return ANSWERS.image.parse(await response.json())
  }

  async function platformsIn(repository: string): Promise<unknown> {
    const response = await expectStatus(await client.request('GET', `/api/v1/repositories/${repository}/tags`), 200)
    return ANSWERS.tags.parse(await response.json()).tags.map(({ name, platforms }) => [name, platforms])
  }

  test('an image for several platforms, with what tells how each was built', async () => {
    const images: Content[] = []
    for (const architecture of ['amd64', 'arm64'])
      images.push(
        await put('multi', undefined, {
          config: jsonContent(CONFIG, { os: 'linux', architecture, created: '2024-01-02T03:04:05Z' }),
          files: [contentOf(LAYER, Buffer.from(architecture))],
        }),
      )
    const statement = jsonContent('application/vnd.in-toto+json', { predicateType: 'https://slsa.dev/provenance/v1' })
    const attestation = await put('multi', undefined, {
      config: jsonContent(CONFIG, { os: 'unknown', architecture: 'unknown' }),
      files: [statement],
    })
    const [amd, arm] = images.map(descriptorOf)
    await putIndex('multi', 'v1', [
      { ...amd, platform: { os: 'linux', architecture: 'amd64' } },
      { ...arm, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
      {
        ...descriptorOf(attestation),
        platform: { os: 'unknown', architecture: 'unknown' },
        annotations: {
          'vnd.docker.reference.type': 'attestation-manifest',
          'vnd.docker.reference.digest': images[0]?.digest ?? '',
        },
      },
    ])

    const index = await shown('multi', 'tag=v1')

    expect(index.facts).toMatchObject({
      platforms: ['linux/amd64', 'linux/arm64/v8'],
      bytes: null,
      firstImage: images[0]?.digest,
    })
    expect(index.facts?.created).toBeNull()
    expect(index.contents?.images.map(({ platform, attestation: tells }) => [platform, tells])).toEqual([
      ['linux/amd64', false],
      ['linux/arm64/v8', false],
      [null, true],
    ])
    expect(await platformsIn('multi')).toEqual([['v1', ['linux/amd64', 'linux/arm64/v8']]])
    const told = await shown('multi', `digest=${attestation.digest}`)
    expect(told).toMatchObject({
      facts: { platforms: [] },
      contents: { layers: [{ mediaType: 'application/vnd.in-toto+json' }] },
    })
  })

  test('a static program: no base, no labels, one file that is run', async () => {
    const config = jsonContent(CONFIG, {
      ...{ os: 'linux', architecture: 'amd64', created: '2024-05-06T07:08:09Z' },
      config: { Entrypoint: ['/program'], User: '65532' },
      history: [{ created_by: 'COPY /program /program # buildkit', comment: 'buildkit.dockerfile.v0' }],
    })
    await put('static', 'v1', { config, files: [contentOf(LAYER, Buffer.from('a program'))] })

    expect((await shown('static', 'tag=v1')).facts).toMatchObject({
      ...{ created: '2024-05-06T07:08:09.000Z', platforms: ['linux/amd64'], bytes: config.bytes.length + 9 },
      ...{ baseName: null, baseDigest: null, description: null },
      config: {
        ...{ entrypoint: ['/program'], command: [], user: '65532', labels: {}, environment: [] },
        history: [{ by: 'COPY /program /program # buildkit', comment: 'buildkit.dockerfile.v0', isEmpty: false }],
      },
    })
  })

  test('a chart of Helm', async () => {
    const type = 'application/vnd.cncf.helm.config.v1+json'
    const chart = jsonContent(type, {
      apiVersion: 'v2',
      name: 'web',
      version: '1.2.3',
      description: 'A web server',
      type: 'application',
    })
    const annotations = {
      'org.opencontainers.image.title': 'web',
      'org.opencontainers.image.version': '1.2.3',
      'org.opencontainers.image.description': 'A web server',
      'org.opencontainers.image.created': '2024-03-04T05:06:07Z',
    }
    const content = contentOf('application/vnd.cncf.helm.chart.content.v1.tar+gzip', Buffer.from('a chart'))
    await put('charts/web', '1.2.3', { config: chart, files: [content], more: { annotations } })

    expect(await shown('charts/web', 'tag=1.2.3')).toMatchObject({
      contents: { artifactType: type, layers: [{ mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip', bytes: 7 }] },
      facts: { title: 'web', version: '1.2.3', description: 'A web server', platforms: [], created: '2024-03-04T05:06:07.000Z' },
    })
  })

  test('an SBOM and a signature that are attached to an image by their subject', async () => {
    const image = makeImage('signed')
    for (const blob of [image.config, ...image.layers]) await client.pushBlob('signed', blob)
    await expectStatus(await client.putManifest('signed', 'v1', image.manifest), 201)
    const attach = async (artifactType: string, file: Content) =>
      await put('signed', undefined, {
        ...{ config: EMPTY_CONFIG, files: [file] },
        more: { artifactType, subject: descriptorOf(image.manifest) },
      })
    const sbom = await attach('application/spdx+json', jsonContent('application/spdx+json', { spdxVersion: 'SPDX-2.3' }))
    const bundle = 'application/vnd.dev.sigstore.bundle.v0.3+json'
    const signature = await attach(bundle, jsonContent(bundle, { mediaType: bundle }))

    const { referrers, tags } = await shown('signed', 'tag=v1')

    expect(referrers.map(({ digest, artifactType }) => [digest, artifactType]).toSorted()).toEqual(
      [
        [sbom.digest, 'application/spdx+json'],
        [signature.digest, bundle],
      ].toSorted() as never,
    )
    expect(tags).toEqual(['v1'])
    expect(await shown('signed', `digest=${sbom.digest}`)).toMatchObject({
      contents: { artifactType: 'application/spdx+json', subject: image.manifest.digest },
      facts: { platforms: [], config: null },
    })
  })

  test('a signature of cosign that is attached by the name of its tag', async () => {
    const image = makeImage('cosigned')
    for (const blob of [image.config, ...image.layers]) await client.pushBlob('cosigned', blob)
    await expectStatus(await client.putManifest('cosigned', 'v1', image.manifest), 201)
    const simple = 'application/vnd.dev.cosign.simplesigning.v1+json'
    const tag = `${image.manifest.digest.replace(':', '-')}.sig`
    await put('cosigned', tag, { config: jsonContent(CONFIG, {}), files: [jsonContent(simple, { critical: {} })] })

    expect((await shown('cosigned', 'tag=v1')).attachedTags).toEqual([tag])
    expect(await shown('cosigned', `tag=${tag}`)).toMatchObject({
      contents: { layers: [{ mediaType: simple }] },
      facts: { platforms: [] },
      attachedTags: [],
    })
  })

  test("BuildKit's cache, as an image and as an index of blobs", async () => {
    const type = 'application/vnd.buildkit.cacheconfig.v0'
    const config = jsonContent(type, { layers: [{ blob: 'sha256:0', parent: -1 }], records: [] })
    const layer = contentOf(LAYER, Buffer.from('of the cache'))
    await put('cache', 'image', { config, files: [layer] })
    await putIndex('cache', 'index', [descriptorOf(layer), descriptorOf(config)])

    expect((await shown('cache', 'tag=image')).contents).toMatchObject({ artifactType: type, layers: [{ mediaType: LAYER }] })
    const index = await shown('cache', 'tag=index')
    expect(index.contents?.images.map(({ mediaType }) => mediaType)).toEqual([LAYER, type])
    expect(index.facts).toMatchObject({ platforms: [], created: null })
  })
})
