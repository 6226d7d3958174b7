import { BLOCK_BYTES, type TarKind, tarEnd, tarHeader, tarPadding, tarSum } from '../../src/images/tar/tar-header.ts'
import { descriptorOf, type Image, sha256 } from './images.ts'

export interface MadeEntry {
  readonly path: string
  readonly bytes?: Uint8Array | string
  readonly kind?: TarKind
  readonly target?: string
  readonly mode?: number
  readonly userId?: number
  /** In the place of the type that the kind has: '1' makes a hard link of a symbolic one. */
  readonly type?: string
}

/** A tar archive of these entries, whatever their paths. */
export function madeTar(entries: readonly MadeEntry[]): Buffer<ArrayBuffer> {
  const parts = entries.flatMap(({ path, bytes = '', kind = 'file', target = '', mode = 0o644, userId = 0, type }) => {
    const content = Buffer.from(bytes)
    const header = tarHeader({ ...{ path, kind, target, mode, userId, sizeBytes: content.length }, ...COMMON })
    return [type === undefined ? header : typed(header, type), content, tarPadding(content.length)]
  })
  return Buffer.concat([...parts, tarEnd()])
}

/** The same header of an entry with another type, and the right sum. */
export function typed(header: Uint8Array, type: string): Buffer<ArrayBuffer> {
  const bytes = Buffer.from(header)
  const last = bytes.subarray(bytes.length - BLOCK_BYTES)
  last.write(type, 156, 'latin1')
  last.write(tarSum(last).toString(8).padStart(6, '0'), 148, 'latin1')
  return bytes
}

const COMMON = { groupId: 0, modifiedSeconds: 0 }

/** The files of an OCI layout with this image in it, as it is in a registry. */
export function layoutEntries(image: Image, annotations: Readonly<Record<string, string>> = {}): readonly MadeEntry[] {
  const blobs = [image.config, ...image.layers, image.manifest]
  return [
    { path: 'oci-layout', bytes: '{"imageLayoutVersion":"1.0.0"}' },
    ...blobs.map(({ digest, bytes }) => ({ path: `blobs/sha256/${digest.slice(7)}`, bytes })),
    {
      path: 'index.json',
      bytes: JSON.stringify({ schemaVersion: 2, manifests: [{ ...descriptorOf(image.manifest), annotations }] }),
    },
  ]
}

/** The files that Docker saves: layers that are not compressed. `layers`: what is in them. */
export function dockerEntries(
  layers: readonly Buffer<ArrayBuffer>[],
  names: readonly string[] = ['app:v1'],
): readonly MadeEntry[] {
  const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: layers.map(sha256) } }
  const paths = layers.map((_, at) => `layer${at}/layer.tar`)
  return [
    ...layers.map((bytes, at) => ({ path: paths[at] ?? '', bytes })),
    { path: 'config.json', bytes: JSON.stringify(config) },
    { path: 'manifest.json', bytes: JSON.stringify([{ Config: 'config.json', RepoTags: names, Layers: paths }]) },
  ]
}

/** The files that Docker saves since version 25: both forms, with layers that are not compressed in either. */
export function newDockerEntries(layers: readonly Buffer<ArrayBuffer>[]): readonly MadeEntry[] {
  const config = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: layers.map(sha256) } })
  const blobs = [config, ...layers].map((bytes) => Buffer.from(bytes))
  const [configAt, ...layersAt] = blobs.map((bytes) => ({ digest: sha256(bytes), size: bytes.length }))
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json' },
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...configAt },
      layers: layersAt.map((at) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...at })),
    }),
  )
  const root = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: sha256(manifest), size: manifest.length }
  const annotations = { 'io.containerd.image.name': 'docker.io/library/app:v1', 'org.opencontainers.image.ref.name': 'v1' }
  const pathOf = (digest = '') => `blobs/sha256/${digest.slice(7)}`
  const image = { Config: pathOf(configAt?.digest), RepoTags: ['app:v1'], Layers: layersAt.map(({ digest }) => pathOf(digest)) }
  return [
    ...[...blobs, manifest].map((bytes) => ({ path: pathOf(sha256(bytes)), bytes })),
    { path: 'index.json', bytes: JSON.stringify({ schemaVersion: 2, manifests: [{ ...root, annotations }] }) },
    { path: 'manifest.json', bytes: JSON.stringify([image]) },
    { path: 'oci-layout', bytes: '{"imageLayoutVersion":"1.0.0"}' },
  ]
}
