import { createHash } from 'node:crypto'

/** Bytes with the name they have everywhere. */
export interface Content {
  readonly mediaType: string
  readonly digest: string
  readonly bytes: Uint8Array
}

export interface Image {
  readonly manifest: Content
  readonly config: Content
  readonly layers: readonly Content[]
}

export interface ImageIndex {
  readonly manifest: Content
  readonly images: readonly Image[]
}

export type ImageFormat = 'oci' | 'docker'

export interface ImageOptions {
  readonly format?: ImageFormat
  readonly layers?: number
  readonly architecture?: string
  /** OCI: what this image refers to. */
  readonly subject?: Content
  readonly artifactType?: string
}

const MEDIA_TYPES = {
  oci: {
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    index: 'application/vnd.oci.image.index.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  },
  docker: {
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  },
} as const

/** What a client that understands all four kinds of manifest sends as Accept. */
export const ALL_MANIFEST_TYPES = [
  MEDIA_TYPES.oci.manifest,
  MEDIA_TYPES.oci.index,
  MEDIA_TYPES.docker.manifest,
  MEDIA_TYPES.docker.index,
].join(', ')

/** A whole image that every client can unpack; the same name and options give the same bytes. */
export function makeImage(name: string, options: ImageOptions = {}): Image {
  const types = MEDIA_TYPES[options.format ?? 'oci']
  const archives = Array.from({ length: options.layers ?? 2 }, (_, index) => tarWith(`${index}.txt`, `layer ${index} of ${name}`))
  const layers = archives.map((archive) => contentOf(types.layer, Bun.gzipSync(archive)))
  const config = jsonContent(types.config, {
    architecture: options.architecture ?? 'amd64',
    os: 'linux',
    config: { Labels: { name } },
    rootfs: { type: 'layers', diff_ids: archives.map(sha256) },
    history: archives.map(() => ({ created: '2024-01-01T00:00:00Z' })),
  })
  const manifest = jsonContent(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    ...(options.artifactType === undefined ? {} : { artifactType: options.artifactType }),
    config: descriptorOf(config),
    layers: layers.map(descriptorOf),
    ...(options.subject === undefined ? {} : { subject: descriptorOf(options.subject) }),
  })
  return { manifest, config, layers }
}

/** A manifest list over images of different architectures. */
export function makeImageIndex(images: readonly Image[], format: ImageFormat = 'oci'): ImageIndex {
  const mediaType = MEDIA_TYPES[format].index
  const manifests = images.map(({ manifest, config }) => {
    const { architecture, os } = JSON.parse(new TextDecoder().decode(config.bytes))
    return { ...descriptorOf(manifest), platform: { architecture, os } }
  })
  return { manifest: jsonContent(mediaType, { schemaVersion: 2, mediaType, manifests }), images }
}

export function blobsOf(image: Image): readonly Content[] {
  return [image.config, ...image.layers]
}

export function jsonContent(mediaType: string, value: unknown): Content {
  return contentOf(mediaType, new TextEncoder().encode(JSON.stringify(value)))
}

export function contentOf(mediaType: string, bytes: Uint8Array): Content {
  return { mediaType, digest: sha256(bytes), bytes }
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export function sha512(bytes: Uint8Array): string {
  return `sha512:${createHash('sha512').update(bytes).digest('hex')}`
}

export function descriptorOf({ mediaType, digest, bytes }: Content) {
  return { mediaType, digest, size: bytes.length }
}

/** Bytes that look random and are the same each time. */
export function fixedBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let state = 1
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}

/** A tar archive of one file (POSIX ustar). */
function tarWith(name: string, text: string): Uint8Array<ArrayBuffer> {
  const body = new TextEncoder().encode(text)
  const header = new Uint8Array(512)
  const put = (offset: number, field: string) => header.set(new TextEncoder().encode(field), offset)
  put(0, name)
  put(100, '0000644\0')
  put(108, '0000000\0')
  put(116, '0000000\0')
  put(124, `${body.length.toString(8).padStart(11, '0')}\0`)
  put(136, '00000000000\0')
  put(148, '        ')
  put(156, '0')
  put(257, 'ustar\0')
  put(263, '00')
  const sum = header.reduce((total, byte) => total + byte, 0)
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `)
  const archive = new Uint8Array(512 + Math.ceil(body.length / 512) * 512 + 1024)
  archive.set(header)
  archive.set(body, 512)
  return archive
}
