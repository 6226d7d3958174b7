import { createHash } from 'node:crypto'

const TYPES = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const
const LAYERS = 10

/** Images of ten small layers that differ in an annotation, pushed as clients push them: what a storage needs to look like is the registry's business. */
export class TaggedImages {
  readonly mediaType = TYPES.manifest
  readonly #url: string
  readonly #repository: string

  constructor(url: string, repository: string) {
    this.#url = url
    this.#repository = repository
  }

  /** So many, with what they name. */
  async push(count: number): Promise<void> {
    for (const bytes of [...LAYER_BYTES, CONFIG_BYTES]) await this.#pushBlob(bytes)
    for (let number = 0; number < count; number += 1) await this.put(tagOf(number), number)
  }

  /** What it names is there. */
  async put(tag: string, number: number): Promise<void> {
    const headers = { 'content-type': TYPES.manifest }
    await ask('PUT', `${this.#url}/v2/${this.#repository}/manifests/${tag}`, 201, { headers, body: manifestOf(number) })
  }

  target(number: number) {
    return { path: `/v2/${this.#repository}/manifests/${tagOf(number)}`, body: manifestOf(number) }
  }

  async #pushBlob(bytes: string): Promise<void> {
    const opened = await ask('POST', `${this.#url}/v2/${this.#repository}/blobs/uploads/`, 202)
    const location = new URL(opened.headers.get('location') ?? '', this.#url)
    location.searchParams.set('digest', digestOf(bytes))
    await ask('PUT', location.href, 201, { body: bytes, headers: { 'content-type': 'application/octet-stream' } })
  }
}

const LAYER_BYTES = Array.from({ length: LAYERS }, (_, number) => `layer ${number}`)
const CONFIG_BYTES = JSON.stringify({ architecture: 'amd64', os: 'linux' })

function tagOf(number: number): string {
  return `v${number}`
}

function manifestOf(number: number): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    config: descriptorOf(CONFIG_BYTES, TYPES.config),
    layers: LAYER_BYTES.map((bytes) => descriptorOf(bytes, TYPES.layer)),
    annotations: { number: `${number}` },
  })
}

function descriptorOf(bytes: string, mediaType: string) {
  return { mediaType, digest: digestOf(bytes), size: bytes.length }
}

function digestOf(bytes: string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

async function ask(method: string, url: string, status: number, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, { method, ...init })
  await response.arrayBuffer()
  if (response.status !== status) throw new Error(`${method} ${url} answered ${response.status}`)
  return response
}
