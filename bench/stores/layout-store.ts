import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const REPOSITORIES = 'docker/registry/v2/repositories'
const BLOBS = 'docker/registry/v2/blobs/sha256'
/** The peer serves it only to those who accept it. */
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG = '{"architecture":"amd64","os":"linux"}'

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
export function manifestText(name: string, number: number): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(CONFIG), size: CONFIG.length },
    layers: [],
    annotations: { 'org.opencontainers.image.ref.name': `${name}:${number}` },
  })
}

/** Five digits: the order of the names is that of the numbers. */
export function tagName(number: number): string {
  return `v${String(number).padStart(5, '0')}`
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}

function writeLink(directory: string, digest: string): void {
  mkdirSync(directory)
  writeFileSync(join(directory, 'link'), digest)
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length)
}
