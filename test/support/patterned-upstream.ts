import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type FakeAnswer, notFound, startOf } from './fake-upstream.ts'
import { type Content, descriptorOf, fixedBytes, jsonContent } from './images.ts'

const TYPES = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const

/** A layer of any size, of which only one block is in memory: its name, and then the same block again and again. */
export class PatternedLayer {
  readonly digest: string
  readonly size: number
  readonly #head: Uint8Array
  readonly #block: Uint8Array
  readonly #blocks: number

  constructor(name: string, block: Uint8Array, blocks: number) {
    this.#head = Buffer.from(`${name}\n`)
    this.#block = block
    this.#blocks = blocks
    this.size = this.#head.length + block.length * blocks
    const hash = createHash('sha256')
    for (const part of this.parts()) hash.update(part)
    this.digest = `sha256:${hash.digest('hex')}`
  }

  get descriptor() {
    return { mediaType: TYPES.layer, digest: this.digest, size: this.size }
  }

  *parts(): Generator<Uint8Array> {
    yield this.#head
    for (let block = 0; block < this.#blocks; block += 1) yield this.#block
  }
}

export interface PatternedImage {
  readonly manifest: Content
  readonly config: Content
  readonly layers: readonly PatternedLayer[]
}

export interface PatternOptions {
  readonly images: number
  /** So many images share a layer. */
  readonly sharedBy: number
  readonly blockBytes: number
  /** The layers have from one to so many blocks. */
  readonly blocks: number
}

/** Images of layers of different sizes. Some of them share one. */
export function patternedImages({ images, sharedBy, blockBytes, blocks }: PatternOptions): readonly PatternedImage[] {
  const block = fixedBytes(blockBytes)
  const shared = Array.from(
    { length: Math.ceil(images / sharedBy) },
    (_, base) => new PatternedLayer(`base ${base}`, block, blocks),
  )
  return Array.from({ length: images }, (_, number) => {
    const base = shared[Math.floor(number / sharedBy)]
    const own = new PatternedLayer(`image ${number}`, block, 1 + (number % blocks))
    const layers = base === undefined ? [own] : [base, own]
    const config = jsonContent(TYPES.config, { architecture: 'amd64', os: 'linux', config: { Labels: { number: `${number}` } } })
    const manifest = jsonContent(TYPES.manifest, {
      schemaVersion: 2,
      mediaType: TYPES.manifest,
      config: descriptorOf(config),
      layers: layers.map(({ descriptor }) => descriptor),
    })
    return { manifest, config, layers }
  })
}

/** What a registry answers that has these images as `image-<number>:latest`. */
export function servePatterned(images: readonly PatternedImage[]): FakeAnswer {
  const layers = new Map(images.flatMap((image) => image.layers).map((layer) => [layer.digest, layer]))
  const configs = new Map(images.map(({ config }) => [config.digest, config]))
  return async (request, response) => {
    const [, number = '', kind, last = ''] = /^\/v2\/image-(\d+)\/(manifests|blobs)\/([^?]+)/.exec(request.url ?? '') ?? []
    const image = images[Number(number)]
    if (kind === 'manifests' && image !== undefined) return sendManifest(request, response, image.manifest)
    const [config, layer] = [configs.get(last), layers.get(last)]
    if (config !== undefined) return void response.writeHead(200, { 'content-length': config.bytes.length }).end(config.bytes)
    if (layer === undefined || startOf(request.headers.range) > 0) return notFound(request, response)
    response.writeHead(200, { 'content-length': layer.size })
    for (const part of layer.parts())
      if (!response.write(part)) await new Promise<void>((drained) => response.once('drain', drained))
    response.end()
  }
}

function sendManifest(
  { method, headers }: IncomingMessage,
  response: ServerResponse,
  { digest, mediaType, bytes }: Content,
): void {
  if (headers['if-none-match'] === `"${digest}"`) return void response.writeHead(304).end()
  response.writeHead(200, { 'docker-content-digest': digest, 'content-type': mediaType, 'content-length': bytes.length })
  response.end(method === 'HEAD' ? undefined : bytes)
}
