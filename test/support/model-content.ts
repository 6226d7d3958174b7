import { sha256, sha512 } from './images.ts'

/** What the random requests are about: few of everything, so that they meet often. */

export const REPOSITORIES = ['a', 'a/b', 'a-b', 'b/c/d'] as const
export const TAGS = ['latest', 'Latest', 'v1', '_x', '1.0'] as const

const TYPES = {
  image: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  dockerImage: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  foreignLayer: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
} as const

export const MANIFEST_TYPES = [TYPES.image, TYPES.index, TYPES.dockerImage, TYPES.dockerList] as const

export interface ModelBlob {
  readonly digest: string
  readonly bytes: Uint8Array
}

/** A manifest and, said once more and by hand, what a registry must understand of it. */
export interface ModelManifest {
  readonly bytes: Uint8Array
  readonly mediaType: string
  /** Digests that must be in the repository. */
  readonly required: readonly string[]
  /** Those and layers that may be absent. */
  readonly named: readonly string[]
  /** Of `required`: those that may be manifests as well as blobs. */
  readonly children: readonly string[]
  readonly subject: string | undefined
  readonly artifactType: string | undefined
  readonly annotations: Readonly<Record<string, string>> | undefined
  /** False where nothing but the Content-Type and the shape tell the type. */
  readonly namesItsType: boolean
}

const encoder = new TextEncoder()

function blob(text: string, digestOf = sha256): ModelBlob {
  const bytes = encoder.encode(text)
  return { bytes, digest: digestOf(bytes) }
}

const empty = blob('')
const braces = blob('{}')
const one = blob('one')
const two = blob('two')
const oneBySha512 = blob('one', sha512)
const large = blob('0123456789'.repeat(9_000))

export const BLOBS: readonly ModelBlob[] = [empty, braces, one, two, oneBySha512, large]

function descriptor({ digest, bytes }: ModelBlob, mediaType: string) {
  return { mediaType, digest, size: bytes.length }
}

interface Facts {
  readonly mediaType: string
  readonly named?: boolean
  readonly config?: ModelBlob
  readonly layers?: readonly ModelBlob[]
  readonly foreign?: readonly ModelBlob[]
  readonly children?: readonly (ModelManifest | ModelBlob)[]
  readonly subject?: ModelManifest | ModelBlob
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

function manifest(facts: Facts): ModelManifest {
  const { mediaType, named = true, config, layers = [], foreign = [], children, artifactType, annotations } = facts
  const subject = facts.subject === undefined ? undefined : asBlob(facts.subject)
  const body = {
    schemaVersion: 2,
    ...(named ? { mediaType } : {}),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(config === undefined ? {} : { config: descriptor(config, TYPES.config) }),
    ...(children === undefined
      ? {
          layers: [
            ...layers.map((layer) => descriptor(layer, TYPES.layer)),
            ...foreign.map((layer) => descriptor(layer, TYPES.foreignLayer)),
          ],
        }
      : { manifests: children.map((child) => descriptor(asBlob(child), 'mediaType' in child ? child.mediaType : TYPES.layer)) }),
    ...(subject === undefined ? {} : { subject: descriptor(subject, TYPES.image) }),
    ...(annotations === undefined ? {} : { annotations }),
  }
  const childDigests = (children ?? []).map((child) => asBlob(child).digest)
  const required = [...(config === undefined ? [] : [config]), ...layers].map(({ digest }) => digest).concat(childDigests)
  return {
    bytes: encoder.encode(JSON.stringify(body)),
    mediaType,
    required,
    named: [...required, ...foreign.map(({ digest }) => digest)],
    children: childDigests,
    subject: mediaType.includes('docker') ? undefined : subject?.digest,
    artifactType: artifactType ?? (config === undefined ? undefined : TYPES.config),
    annotations,
    namesItsType: named,
  }
}

function asBlob(content: ModelManifest | ModelBlob): ModelBlob {
  return 'digest' in content ? content : { bytes: content.bytes, digest: sha256(content.bytes) }
}

const image = manifest({ mediaType: TYPES.image, config: braces, layers: [one] })
const unnamedImage = manifest({ mediaType: TYPES.image, named: false, config: braces, annotations: { key: 'value' } })
const dockerImage = manifest({ mediaType: TYPES.dockerImage, config: one, layers: [two, empty], subject: image })
const emptyIndex = manifest({ mediaType: TYPES.index, named: false, children: [] })
const imageIndex = manifest({ mediaType: TYPES.index, children: [image, unnamedImage] })

export const MANIFESTS: readonly ModelManifest[] = [
  image,
  unnamedImage,
  dockerImage,
  emptyIndex,
  imageIndex,
  manifest({ mediaType: TYPES.image, config: braces, layers: [one], foreign: [blob('elsewhere')] }),
  manifest({
    mediaType: TYPES.image,
    config: braces,
    subject: image,
    artifactType: 'application/vnd.example.sbom',
    annotations: { a: 'ü"' },
  }),
  manifest({ mediaType: TYPES.image, config: braces, subject: image }),
  manifest({
    mediaType: TYPES.image,
    config: oneBySha512,
    subject: blob('never pushed'),
    annotations: { padding: 'x'.repeat(70_000) },
  }),
  manifest({
    mediaType: TYPES.index,
    children: [two, imageIndex],
    subject: emptyIndex,
    artifactType: 'application/vnd.example.sbom',
  }),
  manifest({ mediaType: TYPES.index, children: [], subject: image }),
  manifest({ mediaType: TYPES.dockerList, children: [dockerImage] }),
]

/** What no registry takes for a manifest. */
export const NO_MANIFESTS: readonly Uint8Array[] = [
  '',
  '{',
  '[]',
  '{"schemaVersion":1}',
  '{"schemaVersion":2}',
  JSON.stringify({ schemaVersion: 2, mediaType: TYPES.image, config: { digest: 'sha256:short', size: 1 } }),
  JSON.stringify({ schemaVersion: 2, mediaType: TYPES.index, manifests: [], config: {} }),
].map((text) => encoder.encode(text))
