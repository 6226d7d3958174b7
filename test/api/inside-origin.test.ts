import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { contentOf, descriptorOf, type Image } from '../support/images.ts'
import { debianLayer, imageOf } from '../support/inside-image.ts'
import { expectStatus } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const OCI = 'application/vnd.oci.image.manifest.v1+json'
const EMPTY = contentOf('application/vnd.oci.empty.v1+json', Buffer.from('{}'))
const BASE = debianLayer('openssl 3.0.11-1', 'bash 5.2')

let folder: TemporaryFolder
let berth: BerthInProcess

beforeAll(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'), { readsLayers: true })
})
afterAll(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function push(image: Image, tag: string, repository: string): Promise<void> {
  for (const blob of [image.config, ...image.layers]) await berth.client.pushBlob(repository, blob)
  await expectStatus(await berth.client.putManifest(repository, tag, image.manifest), 201)
}

async function readAll(): Promise<void> {
  await berth.registry.insideDuty.run(new AbortController().signal)
}

async function insideOf(path: string): Promise<Readonly<Record<string, unknown>>> {
  const answer = await expectStatus(await berth.client.request('GET', `/api/v1/repositories/${path}`), 200)
  return (await answer.json()) as Readonly<Record<string, unknown>>
}

async function pageOf(path: string): Promise<string> {
  return await (await berth.client.request('GET', `/ui/${path}`, { headers: { accept: 'text/html' } })).text()
}

describe('what an image was made upon', () => {
  test('is what its builder says, else the image here that has its first layers and no others, of those that have a tag', async () => {
    const base = imageOf([BASE])
    const named = imageOf([BASE, [{ path: 'a', bytes: 'x' }]])
    const manifest = JSON.parse(new TextDecoder().decode(named.manifest.bytes)) as object
    const says = contentOf(
      named.manifest.mediaType,
      Buffer.from(JSON.stringify({ ...manifest, annotations: { 'org.opencontainers.image.base.name': 'debian:12' } })),
    )
    const baseOf = async (path: string) => (await insideOf(path)).base
    await push(imageOf([BASE, [{ path: 'b', bytes: 'x' }]]), 'v1', 'team/app')
    await readAll()
    expect(await baseOf('team/app/inside?tag=v1')).toBe(null)

    await push(base, '12-slim', 'base/debian')
    await push({ ...named, manifest: says }, 'named', 'team/app')
    await readAll()

    const { digest } = base.manifest
    expect(await baseOf('team/app/inside?tag=v1')).toEqual({ name: 'base/debian:12-slim', digest, by: 'layers' })
    expect(await baseOf('base/debian/inside?tag=12-slim')).toBe(null)
    const middle = [{ path: 'middle', bytes: 'x' }]
    await push(imageOf([[{ path: 'c', bytes: 'x' }], middle]), 'v1', 'another/with-its-last-layer')
    await push(imageOf([BASE, middle]), 'v1', 'base/middle')
    await push(imageOf([BASE, middle, [{ path: 'top', bytes: 'x' }]]), 'v1', 'team/top')
    await readAll()
    expect(await baseOf('team/top/inside?tag=v1')).toMatchObject({ name: 'base/middle:v1', by: 'layers' })
    await berth.registry.facts.run(new AbortController().signal)
    expect(await baseOf('team/app/inside?tag=named')).toEqual({ name: 'debian:12', digest: null, by: 'annotation' })
    expect(await pageOf('team/app/-/inside?of=v1')).toContain('base/debian:12-slim')
  })
})

describe('an SBOM that is attached', () => {
  const artifact = (fields: object) => {
    const text = { schemaVersion: 2, mediaType: OCI, config: descriptorOf(EMPTY), layers: [], ...fields }
    return contentOf(OCI, Buffer.from(JSON.stringify(text)))
  }

  test('by its subject, a tag or an image index is shown beside what was read, and counts more', async () => {
    const image = imageOf([BASE, [{ path: 'attached', bytes: 'x' }]])
    const subject = descriptorOf(image.manifest)
    const spdx = { annotations: { 'in-toto.io/predicate-type': 'https://spdx.dev/Document' } }
    const attestation = artifact({ layers: [{ ...descriptorOf(EMPTY), ...spdx }] })
    const referrer = artifact({ artifactType: 'application/vnd.cyclonedx+json', subject })
    const signature = artifact({ artifactType: 'application/vnd.dev.cosign.artifact.sig.v1+json', subject })
    await push(image, 'image', 'team/attached')
    await berth.client.pushBlob('team/attached', EMPTY)
    for (const { digest, ...manifest } of [attestation, referrer, signature])
      await expectStatus(await berth.client.putManifest('team/attached', digest, { ...manifest, digest }), 201)
    const tag = `${image.manifest.digest.replace(':', '-')}.sbom`
    await expectStatus(await berth.client.putManifest('team/attached', tag, artifact({ annotations: { a: 'b' } })), 201)
    const beside = { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': image.manifest.digest }
    const manifests = [subject, { ...descriptorOf(attestation), annotations: beside }]
    const mediaType = 'application/vnd.oci.image.index.v1+json'
    const index = contentOf(mediaType, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests })))
    await expectStatus(await berth.client.putManifest('team/attached', 'index', index), 201)
    await readAll()

    expect(await insideOf('team/attached/inside?tag=index')).toMatchObject({
      packages: { deb: 2 },
      attachedSboms: [
        { reference: referrer.digest, type: 'application/vnd.cyclonedx+json', by: 'subject' },
        { reference: tag, type: 'cosign', by: 'tag' },
        { reference: attestation.digest, type: 'https://spdx.dev/Document', by: 'image index' },
      ],
    })
    expect(await pageOf('team/attached/-/inside?of=index')).toContain('counts more than what was read')
  })
})
