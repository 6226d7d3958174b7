import { createHash } from 'node:crypto'
import type { FileEntry } from './file-entry.ts'
import { tar } from './tar.ts'

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json'
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip'

export interface ImageOptions {
  /** The name without a tag, as in `berth`. */
  readonly name: string
  readonly tags: readonly string[]
  /** Go's names: amd64, arm64. */
  readonly architecture: string
  /** Seconds since 1970: when the image says that it was made, and the time of every file in it. */
  readonly createdSeconds: number
  /** What a container runs and how, in the words of the image config. */
  readonly config: Readonly<Record<string, unknown>>
  /** From the lowest to the highest. */
  readonly layers: readonly (readonly FileEntry[])[]
}

/** An image as one file: an OCI archive that `docker load` understands too. The same options give the same bytes. */
export function imageArchive(options: ImageOptions): Uint8Array {
  const layers = options.layers.map((entries) => makeLayer(entries, options.createdSeconds))
  const config = makeBlob(CONFIG_TYPE, json(imageConfig(options, layers)))
  const manifest = makeBlob(
    MANIFEST_TYPE,
    json({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: config.descriptor,
      layers: layers.map((layer) => layer.descriptor),
    }),
  )
  const index = {
    schemaVersion: 2,
    manifests: options.tags.map((tag) => ({ ...manifest.descriptor, annotations: named(options, tag) })),
  }
  const loaded = {
    Config: blobPath(config),
    RepoTags: options.tags.map((tag) => `${options.name}:${tag}`),
    Layers: layers.map(blobPath),
  }
  const files: FileEntry[] = [
    ...[...layers, config, manifest].map((blob) => file(blobPath(blob), blob.bytes)),
    file('index.json', json(index)),
    file('manifest.json', json([loaded])),
    file('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
  ]
  return tar(files, options.createdSeconds)
}

interface Blob {
  readonly bytes: Uint8Array
  readonly descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number }
}

interface Layer extends Blob {
  /** The digest of the archive before it was compressed. */
  readonly diffId: string
}

function makeLayer(entries: readonly FileEntry[], createdSeconds: number): Layer {
  const archive = tar(entries, createdSeconds)
  const compressed = Bun.gzipSync(archive as Uint8Array<ArrayBuffer>, { library: 'libdeflate', level: 6 })
  return { ...makeBlob(LAYER_TYPE, compressed), diffId: digestOf(archive) }
}

function makeBlob(mediaType: string, bytes: Uint8Array): Blob {
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } }
}

function imageConfig(options: ImageOptions, layers: readonly Layer[]) {
  const created = new Date(options.createdSeconds * 1000).toISOString()
  return {
    created,
    architecture: options.architecture,
    os: 'linux',
    config: options.config,
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map(() => ({ created, created_by: 'npm run image' })),
  }
}

/** containerd goes by the first, others by the second. */
function named({ name }: ImageOptions, tag: string) {
  return { 'io.containerd.image.name': `docker.io/library/${name}:${tag}`, 'org.opencontainers.image.ref.name': tag }
}

function blobPath({ descriptor }: Blob): string {
  return `blobs/${descriptor.digest.replace(':', '/')}`
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function file(path: string, content: Uint8Array): FileEntry {
  return { kind: 'file', path, mode: 0o644, content }
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}
