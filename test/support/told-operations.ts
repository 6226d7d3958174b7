import { contentOf, descriptorOf, fixedBytes, jsonContent, makeImage, makeImageIndex, sha256 } from './images.ts'
import { expectStatus, type RegistryClient } from './registry-client.ts'

/** What clients do, one after another, as `test/compat/notifications.test.ts` lets several registries tell of it. */
export type ToldOperation = readonly [title: string, work: (client: RegistryClient) => Promise<unknown>]

const BLOB = contentOf('application/octet-stream', fixedBytes(1000))
const OTHER = contentOf('application/octet-stream', fixedBytes(2000))
const EMPTY = contentOf('application/octet-stream', new Uint8Array())
const IMAGE = makeImage('first')
const NEXT = makeImage('next', { layers: 1 })
const DOCKER = makeImage('docker', { format: 'docker', architecture: 'arm64' })
const LATEST = makeImage('latest', { format: 'docker', layers: 1 })
const INDEX = makeImageIndex([IMAGE, NEXT]).manifest
const LIST = makeImageIndex([DOCKER], 'docker').manifest
/** With all that a descriptor may say. */
const ANNOTATED = jsonContent(IMAGE.manifest.mediaType, {
  schemaVersion: 2,
  mediaType: IMAGE.manifest.mediaType,
  config: descriptorOf(IMAGE.config),
  layers: IMAGE.layers.map((layer) => ({ ...descriptorOf(layer), annotations: { 'org.example.of': 'a <layer> & more' } })),
  annotations: { 'org.example.of': 'the whole' },
})
const MISSING = makeImage('missing').manifest
const GONE = sha256(fixedBytes(7))

const push = (repository: string, reference: string, manifest: typeof INDEX) => async (client: RegistryClient) =>
  await expectStatus(await client.putManifest(repository, reference, manifest), 201)
const pushBlobs = (repository: string, image: typeof IMAGE) => async (client: RegistryClient) => {
  for (const blob of [image.config, ...image.layers]) await client.pushBlob(repository, blob)
}

/** Each is named in the events that come of it: it is the user agent of its requests. */
export const TOLD_OPERATIONS: readonly ToldOperation[] = [
  ['base', async (client) => await client.request('GET', '/v2/')],
  ['a blob in one PUT', async (client) => await client.pushBlob('app', BLOB)],
  ['the same blob again', async (client) => await client.pushBlob('app', BLOB)],
  ['a blob in chunks', pushInChunks],
  ['the empty blob', async (client) => await client.pushBlob('app', EMPTY)],
  ['a blob of another digest', async (client) => await client.closeUpload(await client.startUpload('app'), GONE, BLOB.bytes)],
  ['an upload that is cancelled', async (client) => await client.request('DELETE', await client.startUpload('app'))],
  ['a HEAD of a blob', async (client) => await client.headBlob('app', BLOB.digest)],
  ['a blob pull', async (client) => await client.getBlob('app', BLOB.digest)],
  ['a part of a blob', async (client) => await client.getBlob('app', BLOB.digest, { range: 'bytes=10-19' })],
  [
    'a blob that the client has',
    async (client) => await client.getBlob('app', BLOB.digest, { 'if-none-match': `"${BLOB.digest}"` }),
  ],
  ['a pull of the empty blob', async (client) => await client.getBlob('app', EMPTY.digest)],
  ['a blob that is not there', async (client) => await client.getBlob('app', GONE)],
  ['a mount', async (client) => await client.mountBlob('team/other', BLOB.digest, 'app')],
  ['a mount of what is not there', async (client) => await client.mountBlob('team/other', GONE, 'app')],
  ['a pull of what was mounted', async (client) => await client.getBlob('team/other', BLOB.digest)],
  ['the blobs of an image', pushBlobs('app', IMAGE)],
  ['an image by tag', push('app', 'v1', IMAGE.manifest)],
  ['the same image again', push('app', 'v1', IMAGE.manifest)],
  ['the same image by another tag', push('app', 'stable', IMAGE.manifest)],
  ['the same image by digest', push('app', IMAGE.manifest.digest, IMAGE.manifest)],
  ['the blobs of the next image', pushBlobs('app', NEXT)],
  ['a tag that moves', push('app', 'v1', NEXT.manifest)],
  ['an image with annotations', push('app', 'annotated', ANNOTATED)],
  ['an image index', push('app', 'index', INDEX)],
  ['the blobs of an image of Docker', pushBlobs('a/b/c', DOCKER)],
  ['an image of Docker', push('a/b/c', 'docker', DOCKER.manifest)],
  ['a list of Docker', push('a/b/c', 'list', LIST)],
  ['an image without its blobs', async (client) => await client.putManifest('app', 'missing', MISSING)],
  ['no manifest', async (client) => await client.putManifest('app', 'bad', jsonContent(IMAGE.manifest.mediaType, { a: 1 }))],
  ['a manifest pull by tag', async (client) => await client.getManifest('app', 'v1')],
  ['a manifest pull by digest', async (client) => await client.getManifest('app', NEXT.manifest.digest)],
  ['a HEAD of a tag', async (client) => await client.headManifest('app', 'v1')],
  ['a HEAD of a digest', async (client) => await client.headManifest('app', NEXT.manifest.digest)],
  ['an image that the client has', haveManifest],
  ['a pull of an image index', async (client) => await client.getManifest('app', 'index')],
  ['a pull of an image of Docker', async (client) => await client.getManifest('a/b/c', 'docker')],
  ['a tag that is not there', async (client) => await client.getManifest('app', 'none')],
  ['lists', lists],
  ['the blobs of an image to delete', pushBlobs('gone', LATEST)],
  ['an image to delete', push('gone', 'one', LATEST.manifest)],
  ['another tag to delete', push('gone', 'two', LATEST.manifest)],
  ['a delete of an image', async (client) => await client.deleteManifest('gone', LATEST.manifest.digest)],
  ['a delete of an image that has gone', async (client) => await client.deleteManifest('gone', LATEST.manifest.digest)],
  ['a blob to delete', async (client) => await client.pushBlob('app', OTHER)],
  ['a delete of a blob', async (client) => await client.deleteBlob('app', OTHER.digest)],
  ['a delete of a blob that has gone', async (client) => await client.deleteBlob('app', GONE)],
]

/** What registry:2 does in another way, or not at all. */
export const OWN_OPERATIONS: readonly ToldOperation[] = [
  ['a blob in one POST', pushInOne],
  ['a mount from anywhere', async (client) => await client.request('POST', `/v2/own/blobs/uploads/?mount=${BLOB.digest}`)],
  ['a part beyond the end of a blob', async (client) => await client.getBlob('app', BLOB.digest, { range: 'bytes=5000-' })],
  ['an image by digest and two tags', pushTagged],
  ['a delete of a tag', async (client) => await expectStatus(await client.deleteManifest('app', 'stable'), 202)],
  [
    'an undelete',
    async (client) => await expectStatus(await client.request('POST', '/api/v1/repositories/app/undelete?tag=stable'), 200),
  ],
]

async function pushInChunks(client: RegistryClient): Promise<void> {
  const location = await client.startUpload('app')
  const next = await client.appendUpload(location, OTHER.bytes.slice(0, 500))
  const last = await client.appendUpload(next, OTHER.bytes.slice(500))
  await expectStatus(await client.closeUpload(last, OTHER.digest), 201)
}

async function pushInOne(client: RegistryClient): Promise<void> {
  const headers = { 'content-type': 'application/octet-stream' }
  const path = `/v2/app/blobs/uploads/?digest=${OTHER.digest}`
  await expectStatus(await client.request('POST', path, { headers, body: OTHER.bytes.slice() }), 201)
}

async function pushTagged(client: RegistryClient): Promise<void> {
  const path = `/v2/app/manifests/${NEXT.manifest.digest}?tag=one&tag=two`
  const headers = { 'content-type': NEXT.manifest.mediaType }
  await expectStatus(await client.request('PUT', path, { headers, body: NEXT.manifest.bytes.slice() }), 201)
}

async function haveManifest(client: RegistryClient): Promise<void> {
  const headers = { accept: NEXT.manifest.mediaType, 'if-none-match': `"${NEXT.manifest.digest}"` }
  await expectStatus(await client.request('GET', '/v2/app/manifests/v1', { headers }), 304)
}

async function lists(client: RegistryClient): Promise<void> {
  for (const path of ['/v2/_catalog', '/v2/app/tags/list']) await expectStatus(await client.request('GET', path), 200)
}
