import { type Image, makeImage } from '../../test/support/images.ts'
import { expectStatus, type RegistryClient } from '../../test/support/registry-client.ts'

/** What a client asks of a registry; a push brings something new each time. */
export interface TracedRequest {
  readonly title: string
  readonly send: () => Promise<void>
}

const REPOSITORY = 'team/app'
const TAGS = ['a', 'b', 'c']

/** Pushes what the requests ask for, and gives the requests. */
export async function requestsOf(client: RegistryClient): Promise<readonly TracedRequest[]> {
  const image = makeImage('traced', { layers: 1 })
  const [layer] = image.layers
  if (layer === undefined) throw new Error('The image has no layer.')
  for (const content of [layer, image.config]) await client.pushBlob(REPOSITORY, content)
  for (const tag of TAGS) await expectStatus(await client.putManifest(REPOSITORY, tag, image.manifest), 201)

  return [
    { title: 'GET blob', send: async () => await read(client.getBlob(REPOSITORY, layer.digest)) },
    { title: 'GET manifest', send: async () => await read(client.getManifest(REPOSITORY, 'a')) },
    { title: 'GET a page of tags', send: async () => await read(client.request('GET', `/v2/${REPOSITORY}/tags/list?n=2`)) },
    { title: 'PUT manifest', send: async () => await pushManifest(client, image) },
    { title: 'POST, PATCH, PUT blob', send: async () => await pushBlob(client) },
  ]
}

async function read(answer: Promise<Response>): Promise<void> {
  await (await expectStatus(await answer, 200)).bytes()
}

/** The same manifest with another annotation. */
async function pushManifest(client: RegistryClient, { manifest }: Image): Promise<void> {
  const content = JSON.parse(new TextDecoder().decode(manifest.bytes))
  const bytes = new TextEncoder().encode(JSON.stringify({ ...content, annotations: { turn: crypto.randomUUID() } }))
  await expectStatus(await client.putManifest(REPOSITORY, 'pushed', { ...manifest, bytes }), 201)
}

async function pushBlob(client: RegistryClient): Promise<void> {
  const bytes = crypto.getRandomValues(new Uint8Array(64))
  const digest = `sha256:${new Bun.CryptoHasher('sha256').update(bytes).digest('hex')}`
  const location = await client.appendUpload(await client.startUpload(REPOSITORY), bytes)
  await expectStatus(await client.closeUpload(location, digest), 201)
}
