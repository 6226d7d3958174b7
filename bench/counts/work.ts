import { blobsOf, type Content, contentOf, type Image, jsonContent, makeImage } from '../../test/support/images.ts'
import { expectStatus, type RegistryClient } from '../../test/support/registry-client.ts'

/** One kind of request, or what a client does in one go, whose cost is counted. */
export interface Work {
  readonly name: string
  readonly title: string
  /** Done before, and not counted. */
  readonly prepare?: (client: RegistryClient) => Promise<void>
  /** Does it once; `time` tells the repetitions apart. */
  readonly run: (client: RegistryClient, time: number) => Promise<void>
}

export const REPOSITORY = 'counts/app'
const KIB = 1024

/** Its blobs all lie in one directory of 256, so that no push is the first in its own. */
export const PULLED = imageOf('pulled')
export const LARGE = contentOf(
  'application/octet-stream',
  inFirstDirectory((nonce) => new Uint8Array(1024 * KIB).fill(nonce % 251, nonce)),
)
const ROUND_TRIP = { method: 'GET', large: `/v2/${REPOSITORY}/blobs/${LARGE.digest}` } as const

/** What clients do most. Everything that is pushed is new. */
export const WORK: readonly Work[] = [
  pull('blob-get', 'blob GET, 1 MiB', async (client) => {
    const response = await expectStatus(await client.request(ROUND_TRIP.method, ROUND_TRIP.large), 200)
    await response.arrayBuffer()
  }),
  pull('blob-head', 'blob HEAD', async (client) => {
    await expectStatus(await client.request('HEAD', ROUND_TRIP.large), 200)
  }),
  pull('manifest-get', 'manifest GET by tag', async (client) => {
    await (await expectStatus(await client.getManifest(REPOSITORY, 'pulled'), 200)).arrayBuffer()
  }),
  pull('manifest-head', 'manifest HEAD by tag', async (client) => {
    await expectStatus(await client.headManifest(REPOSITORY, 'pulled'), 200)
  }),
  pull('tags-page', 'page of tags', async (client) => {
    await (await expectStatus(await client.request('GET', `/v2/${REPOSITORY}/tags/list?n=10`), 200)).arrayBuffer()
  }),
  {
    name: 'blob-miss',
    title: 'blob HEAD, not there',
    run: async (client) => {
      await expectStatus(await client.headBlob(REPOSITORY, `sha256:${'0'.repeat(64)}`), 404)
    },
  },
  {
    name: 'layer-push',
    title: 'layer of 4 KB pushed (POST, PATCH, PUT)',
    run: async (client, time) => await pushBlob(client, layerOf(`layer ${time}`)),
  },
  {
    name: 'mount',
    title: 'layer mounted',
    prepare: async (client) => await pushImage(client, 'pulled', PULLED),
    run: async (client, time) => {
      // Into a repository that is there: the first mount makes it.
      const layer = PULLED.layers[time % PULLED.layers.length] ?? PULLED.config
      const status = await client.mountBlob('counts/other', layer.digest, REPOSITORY)
      if (status !== 201) throw new Error(`a mount answered ${status}`)
    },
  },
  {
    name: 'manifest-push',
    title: 'manifest pushed with a new tag',
    prepare: async (client) => await pushImage(client, 'pulled', PULLED),
    run: async (client, time) => await pushManifest(client, `new-${time}`, retagged(PULLED, time)),
  },
  {
    name: 'image-push',
    title: 'image of 8 layers of 4 KB pushed',
    run: async (client, time) => await pushImage(client, `image-${time}`, imageOf(`image ${time}`)),
  },
]

function pull(name: string, title: string, run: (client: RegistryClient) => Promise<void>): Work {
  const prepare = async (client: RegistryClient) => {
    await pushImage(client, 'pulled', PULLED)
    await pushBlob(client, LARGE)
  }
  return { name, title, prepare, run }
}

async function pushImage(client: RegistryClient, tag: string, image: Image): Promise<void> {
  for (const blob of blobsOf(image)) await pushBlob(client, blob)
  await pushManifest(client, tag, image.manifest)
}

/** As Docker does it, once it knows that the blob is missing. */
async function pushBlob(client: RegistryClient, { digest, bytes }: Content): Promise<void> {
  const location = await client.startUpload(REPOSITORY)
  const patched = await client.appendUpload(location, bytes)
  await expectStatus(await client.request('PUT', `${patched}${patched.includes('?') ? '&' : '?'}digest=${digest}`), 201)
}

async function pushManifest(client: RegistryClient, tag: string, manifest: Content): Promise<void> {
  await expectStatus(await client.putManifest(REPOSITORY, tag, manifest), 201)
}

function imageOf(name: string): Image {
  const layers = Array.from({ length: 8 }, (_, number) => layerOf(`${name} ${number}`))
  const { config, manifest } = makeImage(name)
  const ownConfig = variant(config, (nonce) => ({ ...parsed(config), nonce }))
  const image = { ...parsed(manifest), config: descriptorOf(ownConfig), layers: layers.map(descriptorOf) }
  return {
    layers,
    config: ownConfig,
    manifest: variant(manifest, (nonce) => ({ ...image, annotations: { name, nonce } })),
  }
}

function retagged({ manifest }: Image, time: number): Content {
  return variant(manifest, (nonce) => ({ ...parsed(manifest), annotations: { time: `${time}`, nonce } }))
}

function layerOf(name: string): Content {
  const bytes = inFirstDirectory((nonce) => {
    const layer = new Uint8Array(4 * KIB)
    layer.set(new TextEncoder().encode(`${name} ${nonce}`))
    return layer
  })
  return contentOf('application/vnd.oci.image.layer.v1.tar+gzip', bytes)
}

/** All variants have the same length: bytes are counted. */
function variant({ mediaType }: Content, value: (nonce: string) => unknown): Content {
  const bytes = inFirstDirectory((nonce) => jsonContent(mediaType, value(`${nonce}`.padStart(6, '0'))).bytes)
  return contentOf(mediaType, bytes)
}

function inFirstDirectory(make: (nonce: number) => Uint8Array): Uint8Array {
  for (let nonce = 0; ; nonce += 1) {
    const bytes = make(nonce)
    if (contentOf('', bytes).digest.startsWith('sha256:00')) return bytes
  }
}

function parsed({ bytes }: Content): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
}

function descriptorOf({ mediaType, digest, bytes }: Content) {
  return { mediaType, digest, size: bytes.length }
}
