import { createHash } from 'node:crypto'

/** Clients that push small images, all in one process: prepares the images, says so, waits for the word, pushes, and reports. */

export interface ImageLoad {
  readonly url: string
  readonly clients: number
  /** Each pushes to a repository of its own, numbered from here; left out: from 0. */
  readonly firstRepository?: number
  readonly layers: number
  readonly layerBytes: number
  readonly seconds: number
  /** More than can be pushed in that time. */
  readonly images: number
  /** Added to names, so that no two runs meet. */
  readonly run: string
}

export interface ImageReport {
  readonly images: number
  readonly seconds: number
  readonly p50Ms: number
  readonly cpuSeconds: number
}

interface Blob {
  readonly digest: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

interface Image {
  readonly tag: string
  readonly blobs: readonly Blob[]
  readonly manifest: Uint8Array<ArrayBuffer>
}

const TYPES = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const

function makeImage({ layers, layerBytes, run }: ImageLoad, number: number): Image {
  const layerBlobs = Array.from({ length: layers }, () => blobOf(crypto.getRandomValues(new Uint8Array(layerBytes))))
  const config = blobOf(new TextEncoder().encode(JSON.stringify({ architecture: 'amd64', os: 'linux', run, number })))
  const manifest = {
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    config: descriptorOf(config, TYPES.config),
    layers: layerBlobs.map((blob) => descriptorOf(blob, TYPES.layer)),
  }
  const bytes = new TextEncoder().encode(JSON.stringify(manifest))
  return { tag: `${run}-${number}`, blobs: [...layerBlobs, config], manifest: bytes }
}

function blobOf(bytes: Uint8Array<ArrayBuffer>): Blob {
  return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` }
}

function descriptorOf({ digest, bytes }: Blob, mediaType: string) {
  return { mediaType, digest, size: bytes.length }
}

/** As Docker does it: asks for each blob, opens an upload, sends the bytes, closes it; then the manifest. */
async function pushImage(url: string, repository: string, image: Image): Promise<void> {
  for (const { digest, bytes } of image.blobs) {
    await ask('HEAD', `${url}/v2/${repository}/blobs/${digest}`, 404)
    const opened = await ask('POST', `${url}/v2/${repository}/blobs/uploads/`, 202)
    const patched = await ask('PATCH', locationIn(opened, url), 202, bytes, 'application/octet-stream')
    const location = new URL(locationIn(patched, url))
    location.searchParams.set('digest', digest)
    await ask('PUT', location.href, 201)
  }
  await ask('PUT', `${url}/v2/${repository}/manifests/${image.tag}`, 201, image.manifest, TYPES.manifest)
}

async function ask(
  method: string,
  url: string,
  status: number,
  body?: Uint8Array<ArrayBuffer>,
  type?: string,
): Promise<Response> {
  const headers = type === undefined ? {} : { headers: { 'content-type': type } }
  const response = await fetch(url, { method, ...headers, ...(body === undefined ? {} : { body }) })
  await response.arrayBuffer()
  if (response.status !== status) throw new Error(`${method} ${url} answered ${response.status}`)
  return response
}

function locationIn(response: Response, url: string): string {
  return new URL(response.headers.get('location') ?? '', url).href
}

async function run(load: ImageLoad, images: Image[]): Promise<ImageReport> {
  const before = process.cpuUsage()
  const startedAt = performance.now()
  const durations: number[] = []
  const client = async (_: unknown, number: number) => {
    while (performance.now() - startedAt < load.seconds * 1000) {
      const image = images.pop()
      if (image === undefined) throw new Error('the images ran out')
      const imageStartedAt = performance.now()
      await pushImage(load.url, `bench/client-${(load.firstRepository ?? 0) + number}`, image)
      durations.push(performance.now() - imageStartedAt)
    }
  }
  await Promise.all(Array.from({ length: load.clients }, client))
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(before)
  const p50Ms = durations.sort((a, b) => a - b)[Math.floor(durations.length / 2)] ?? 0
  return { images: durations.length, seconds, p50Ms, cpuSeconds: (user + system) / 1e6 }
}

const load = JSON.parse(process.argv[2] ?? '') as ImageLoad
const images = Array.from({ length: load.images }, (_, number) => makeImage(load, number))
process.once('message', async () => {
  try {
    process.send?.(await run(load, images))
  } catch (error) {
    process.send?.({ error: String(error) })
  }
  process.exit(0)
})
process.send?.('ready')
