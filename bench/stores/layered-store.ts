import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { tarEnd } from '../../src/images/tar/tar-header.ts'
import { type MadeEntry, madeTar } from '../../test/support/made-tar.ts'
import { MANIFEST_TYPE, tagName } from './layout-store.ts'

const REPOSITORY = 'docker/registry/v2/repositories/bench/inside'
const BLOBS = 'docker/registry/v2/blobs/sha256'
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip'
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json'
const CONFIG = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } }
export const LAYERS_OF_IMAGE = 10
/** Programs, libraries and texts shrink to about 10 MB. */
const UNPACKED_BYTES = 28e6
/** Layers that all images share, as those of a base. */
const SHARED = 50
/** Layers with a list of packages. Images beyond so many share them, too, above other layers: a thousand images take 2.5 GB of a disk. */
const MOST_OWN = 200
/** Real files of this machine, packed once: a layer is one of these and a few files of its own. */
const SLICES = 20
const PACKAGES = 300
/** Files beyond it are no libraries, programs and texts. */
const MOST_FILE_BYTES = 4 * 1024 * 1024

interface Layer {
  readonly digest: string
  readonly size: number
}

export interface LayeredStore {
  readonly manifests: readonly string[]
  readonly blobs: readonly string[]
  /** Of all layers, each once. */
  readonly storedBytes: number
  readonly layers: number
}

/**
 * Writes images of ten layers of about 10 MB of real files, as registry:2 lays them out: one with a list of packages, which at most five of a thousand
 * images share, above nine of fifty that all share.
 */
export function writeLayeredStore(root: string, images: number): LayeredStore {
  const folders = ['_manifests/revisions/sha256', '_layers/sha256', '_manifests/tags'].map((below) => {
    mkdirSync(join(root, REPOSITORY, below), { recursive: true })
    return join(root, REPOSITORY, below)
  })
  const [revisions = '', links = '', tags = ''] = folders
  const slices = packedSlices()
  const layerOf = (number: number, entries: readonly MadeEntry[]) => {
    const bytes = Buffer.concat([slices[number % slices.length] ?? Buffer.alloc(0), gzipSync(madeTar(entries))])
    const layer = { digest: writeBlob(root, bytes), size: bytes.length }
    writeLink(join(links, layer.digest.slice(7)), layer.digest)
    return layer
  }
  const shared = Array.from({ length: SHARED }, (_, number) => layerOf(number, [{ path: `srv/shared-${number}`, bytes: 'x' }]))
  const own = Array.from({ length: Math.min(images, MOST_OWN) }, (_, number) =>
    layerOf(SHARED + number, [{ path: 'var/lib/dpkg/status', bytes: statusOf(number) }]),
  )
  const manifests: string[] = []
  for (let number = 0; number < images; number += 1) {
    const config = Buffer.from(JSON.stringify({ ...CONFIG, config: { Labels: { number: `${number}` } } }))
    const configDigest = writeBlob(root, config)
    writeLink(join(links, configDigest.slice(7)), configDigest)
    const below = Array.from({ length: LAYERS_OF_IMAGE - 1 }, (_, place) => shared[(number * 7 + place) % SHARED] as Layer)
    const text = JSON.stringify({
      ...{ schemaVersion: 2, mediaType: MANIFEST_TYPE },
      config: { mediaType: CONFIG_TYPE, digest: configDigest, size: config.length },
      layers: [...below, own[number % own.length]].map((each) => ({ mediaType: LAYER_TYPE, ...each })),
    })
    const digest = writeBlob(root, Buffer.from(text))
    writeLink(join(revisions, digest.slice(7)), digest)
    const tag = join(tags, tagName(number))
    writeLink(join(tag, 'current'), digest)
    writeLink(join(tag, 'index/sha256', digest.slice(7)), digest)
    manifests.push(`/v2/bench/inside/manifests/${tagName(number)}`)
  }
  const layers = [...shared, ...own]
  return {
    ...{ manifests, blobs: layers.map(({ digest }) => `/v2/bench/inside/blobs/${digest}`), layers: layers.length },
    storedBytes: layers.reduce((sum, { size }) => sum + size, 0),
  }
}

/** A package `libbench-1` in ten versions among others that all images have. */
function statusOf(image: number): string {
  return Array.from({ length: PACKAGES }, (_, number) => {
    const version = number === 1 ? `1.0.${image % 10}` : `2.${number}`
    return `Package: libbench-${number}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n`
  }).join('\n')
}

/** Parts of archives without their ends. */
function packedSlices(): readonly Buffer[] {
  const files = filesBelow('/usr')
  const slices: Buffer[] = []
  while (slices.length < SLICES) {
    const entries: MadeEntry[] = []
    for (let size = 0; size < UNPACKED_BYTES; ) {
      const next = files.next()
      if (next.done === true) return slices
      const bytes = readFileSync(next.value)
      entries.push({ path: next.value.slice(1), bytes, mode: 0o755 })
      size += bytes.length
    }
    slices.push(gzipSync(madeTar(entries).subarray(0, -tarEnd().length)))
  }
  return slices
}

function* filesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* filesBelow(path)
    else if (entry.isFile() && Bun.file(path).size <= MOST_FILE_BYTES) yield path
  }
}

function writeBlob(root: string, bytes: Uint8Array): string {
  const hex = createHash('sha256').update(bytes).digest('hex')
  const folder = join(root, BLOBS, hex.slice(0, 2), hex)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'data'), bytes)
  return `sha256:${hex}`
}

function writeLink(folder: string, digest: string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'link'), digest)
}
