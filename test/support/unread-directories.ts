import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Directories that another registry, a power cut or a bad disk may leave. Berth cannot read all of each, so it must not take what it cannot read
 * for unused. Written without a line of Berth's: what it does not know must not be left out here.
 */

const LAYOUT = 'docker/registry/v2'
const MEDIA_TYPES = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const

export interface OpaqueStorage {
  /** Paths below the folder that a collector is to remove: link and bytes of the one layer that nothing names. */
  readonly goes: readonly string[]
  /** All others. */
  readonly stays: readonly string[]
  /** What a client of registry:2 pulls, by path: to be answered after a collection as before. */
  readonly pulls: readonly string[]
}

export interface OpaqueKind {
  readonly title: string
  /** There is something that no digest can be read from: no bytes go while it is there, though links do. */
  readonly isObstacle: boolean
  readonly write: (store: OpaqueWriter) => void
}

/** The kinds of research/collector.md that a query for 'named by a held manifest' would have destroyed, and an ordinary one. */
export const OPAQUE_KINDS: readonly OpaqueKind[] = [
  { title: 'a schema 1 image', isObstacle: false, write: writeSchema1 },
  { title: 'an OCI artifact manifest', isObstacle: false, write: writeArtifact },
  { title: 'an image with an empty revision link', isObstacle: false, write: writeEmptyLink },
  { title: 'an image whose manifest has a flipped bit', isObstacle: false, write: writeFlippedBit },
  { title: 'an image whose manifest has lost its bytes', isObstacle: false, write: writeLostBytes },
  { title: 'a repository whose name Berth does not take', isObstacle: true, write: writeOtherName },
  { title: 'a revision under sha384', isObstacle: true, write: writeSha384 },
  { title: 'a layer that is named by its sha512 alias', isObstacle: false, write: writeAlias },
  { title: 'nothing but ordinary images', isObstacle: false, write: (store) => store.image('odd') },
]

/** Writes one of them into a folder, beside an ordinary image and a layer that nothing names, the only orphan. */
export function writeOpaqueStorage(folder: string, kind: OpaqueKind): OpaqueStorage {
  const store = new OpaqueWriter(folder)
  kind.write(store)
  store.image('app')
  const before = new Set(store.paths)
  const orphan = store.layer('app', 'a layer that nothing names')
  const [bytes, ...links] = store.paths.filter((path) => !before.has(path))
  if (bytes === undefined) throw new Error('the orphan has no bytes')
  const goes = kind.isObstacle ? links : [bytes, ...links]
  const pulls = store.pulls.filter((path) => !path.endsWith(orphan))
  return { goes, stays: store.paths.filter((path) => !goes.includes(path)), pulls }
}

/** Puts files where registry:2 has them, and notes them. */
export class OpaqueWriter {
  readonly paths: string[] = []
  readonly pulls: string[] = []
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** An image of one layer under the tag v1. */
  image(repository: string): void {
    this.tagged(repository, this.blob(this.manifestText(repository)))
  }

  /** The text of a manifest whose layer and config are there. */
  manifestText(repository: string, layer = this.layer(repository, `the layer of ${repository}`)): string {
    const config = this.layer(
      repository,
      JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Labels: { repository } } }),
    )
    return JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.manifest,
      config: { mediaType: MEDIA_TYPES.config, digest: config, size: 10 },
      layers: [{ mediaType: MEDIA_TYPES.layer, digest: layer, size: 10 }],
    })
  }

  blob(text: string, digest = digestOf(text)): string {
    this.file(`blobs/${shardOf(digest)}/data`, text)
    return digest
  }

  layer(repository: string, text: string): string {
    const digest = this.blob(text)
    this.layerLink(repository, digest)
    return digest
  }

  layerLink(repository: string, digest: string, target = digest): void {
    this.file(`repositories/${repository}/_layers/${pathOf(digest)}/link`, target)
    this.pulls.push(`/v2/${repository}/blobs/${digest}`)
  }

  /** A revision of which the link holds `text`, with the tag v1. */
  tagged(repository: string, digest: string, text = digest): void {
    const manifests = `repositories/${repository}/_manifests`
    this.file(`${manifests}/revisions/${pathOf(digest)}/link`, text)
    this.file(`${manifests}/tags/v1/index/${pathOf(digest)}/link`, digest)
    this.file(`${manifests}/tags/v1/current/link`, digest)
    this.pulls.push(`/v2/${repository}/manifests/v1`, `/v2/${repository}/manifests/${digest}`)
  }

  file(path: string, text: string): void {
    const place = join(this.#folder, LAYOUT, path)
    mkdirSync(dirname(place), { recursive: true })
    writeFileSync(place, text)
    this.paths.push(`${LAYOUT}/${path}`)
  }
}

/** As an old Docker pushed it. */
function writeSchema1(store: OpaqueWriter): void {
  const blobSum = store.layer('odd', 'the layer of a schema 1 image')
  const history = [{ v1Compatibility: '{}' }]
  const manifest = { schemaVersion: 1, name: 'odd', tag: 'v1', architecture: 'amd64', fsLayers: [{ blobSum }], history }
  store.tagged('odd', store.blob(JSON.stringify({ ...manifest, signatures: [] })))
}

/** Other registries wrote them into the same layout. */
function writeArtifact(store: OpaqueWriter): void {
  const digest = store.layer('odd', 'the blob of an artifact')
  const mediaType = 'application/vnd.oci.artifact.manifest.v1+json'
  const blobs = [{ mediaType: 'text/plain', digest, size: 3 }]
  store.tagged('odd', store.blob(JSON.stringify({ mediaType, artifactType: 'text/plain', blobs })))
}

/** registry:2 leaves it at a power cut. */
function writeEmptyLink(store: OpaqueWriter): void {
  store.tagged('odd', store.blob(store.manifestText('odd')), '')
}

function writeFlippedBit(store: OpaqueWriter): void {
  const text = store.manifestText('odd')
  store.tagged('odd', store.blob(text.replace('docker', 'dockes'), digestOf(text)))
}

function writeLostBytes(store: OpaqueWriter): void {
  store.tagged('odd', digestOf(store.manifestText('odd')))
}

function writeOtherName(store: OpaqueWriter): void {
  store.image('Team/App')
}

function writeSha384(store: OpaqueWriter): void {
  const text = store.manifestText('odd')
  store.tagged('odd', store.blob(text, digestOf(text, 'sha384')))
}

/** registry:2 links a sha512 digest to the sha256 one under which the bytes lie. */
function writeAlias(store: OpaqueWriter): void {
  const text = 'the layer with two digests'
  const bytes = store.layer('odd', text)
  const alias = digestOf(text, 'sha512')
  store.layerLink('odd', alias, bytes)
  store.tagged('odd', store.blob(store.manifestText('odd', alias)))
}

function digestOf(text: string, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(text).digest('hex')}`
}

function pathOf(digest: string): string {
  return digest.replace(':', '/')
}

function shardOf(digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':')
  return `${algorithm}/${hex.slice(0, 2)}/${hex}`
}
