import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const REPOSITORIES = 'docker/registry/v2/repositories'
const BLOBS = 'docker/registry/v2/blobs/sha256'
/** The peer serves it only to those who accept it. */
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
export const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar'
export const LAYERS_OF_IMAGE = 10
/** Of every image. */
export const CONFIG = '{"architecture":"amd64","os":"linux"}'

/** Writes stores as registry:2 lays them out, faster than anybody could push them: the same names and bytes each time. */
export class LayoutStore {
  readonly #root: string
  readonly #shards = new Set<string>()

  constructor(root: string) {
    this.#root = root
    this.#writeBlob(CONFIG)
  }

  /** A repository of so many manifests, of which every `tagEvery`th has a tag `v<number>`, with five digits. */
  writeRepository(name: string, manifests: number, tagEvery: number): void {
    const directory = join(this.#root, REPOSITORIES, name)
    const revisions = join(directory, '_manifests/revisions/sha256')
    const layers = join(directory, '_layers/sha256')
    for (const path of [revisions, layers, join(directory, '_manifests/tags')]) mkdirSync(path, { recursive: true })
    writeLink(join(layers, hexOf(digestOf(CONFIG))), digestOf(CONFIG))
    for (let number = 0; number < manifests; number += 1) {
      const digest = this.#writeBlob(manifestText(name, number))
      writeLink(join(revisions, hexOf(digest)), digest)
      if (number % tagEvery === 0) this.#writeTag(join(directory, '_manifests/tags', tagName(number / tagEvery)), digest)
    }
  }

  /** A repository of images of ten layers each under a tag of its own, and of as many layers as said that no manifest names. */
  writeImages(name: string, { images, unnamed }: { readonly images: number; readonly unnamed: number }): void {
    const directory = join(this.#root, REPOSITORIES, name)
    const [revisions, layers, tags] = ['_manifests/revisions/sha256', '_layers/sha256', '_manifests/tags'].map((below) => {
      mkdirSync(join(directory, below), { recursive: true })
      return join(directory, below)
    }) as [string, string, string]
    writeLink(join(layers, hexOf(digestOf(CONFIG))), digestOf(CONFIG))
    const writeLayer = (text: string) => {
      const digest = this.#writeBlob(text)
      writeLink(join(layers, hexOf(digest)), digest)
      return { mediaType: LAYER_TYPE, digest, size: text.length }
    }
    for (let number = 0; number < images; number += 1) {
      const named = Array.from({ length: LAYERS_OF_IMAGE }, (_, index) => writeLayer(layerText(name, number, index)))
      const digest = this.#writeBlob(manifestText(name, number, named))
      writeLink(join(revisions, hexOf(digest)), digest)
      this.#writeTag(join(tags, tagName(number)), digest)
    }
    for (let number = 0; number < unnamed; number += 1) writeLayer(`${name}: layer ${number} of no image`)
  }

  #writeTag(directory: string, digest: string): void {
    mkdirSync(directory)
    writeLink(join(directory, 'current'), digest)
    mkdirSync(join(directory, 'index'))
    mkdirSync(join(directory, 'index/sha256'))
    writeLink(join(directory, 'index/sha256', hexOf(digest)), digest)
  }

  #writeBlob(text: string): string {
    const digest = digestOf(text)
    const hex = hexOf(digest)
    const shard = join(this.#root, BLOBS, hex.slice(0, 2))
    if (!this.#shards.has(shard)) mkdirSync(shard, { recursive: true })
    this.#shards.add(shard)
    mkdirSync(join(shard, hex))
    writeFileSync(join(shard, hex, 'data'), text)
    return digest
  }
}

/** What a manifest of such a repository is. */
export function manifestText(name: string, number: number, layers: readonly object[] = []): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(CONFIG), size: CONFIG.length },
    layers,
    annotations: { 'org.opencontainers.image.ref.name': `${name}:${number}` },
  })
}

/** The digest of what `writeImages` writes as a layer of an image. */
export function layerDigest(name: string, image: number, index: number): string {
  return digestOf(layerText(name, image, index))
}

function layerText(name: string, image: number, index: number): string {
  return `${name}: layer ${index} of image ${image}`
}

/** Five digits: the order of the names is that of the numbers. */
export function tagName(number: number): string {
  return `v${String(number).padStart(5, '0')}`
}

export function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}

function writeLink(directory: string, digest: string): void {
  mkdirSync(directory)
  writeFileSync(join(directory, 'link'), digest)
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length)
}
