import { createHash } from 'node:crypto'
import { type Digest, parseDigest } from '../../src/oci/digest.ts'
import { factsOf } from '../../src/oci/image/image-facts.ts'
import { type Manifest, parseManifest } from '../../src/oci/manifest.ts'
import { MANIFEST_TYPE, tagName } from './layout-store.ts'

/** What the registries hold in which repositories are looked for. */

export const BASE_LAYERS = 50
const IMAGES_OF_REPOSITORY = 3
const TAGS_OF_REPOSITORY = 9
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json'
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip'
/** Names are made of these, and what images say of themselves. */
const WORDS = [
  ...[
    'payment',
    'search',
    'compiler',
    'gateway',
    'thrift',
    'mongodb',
    'frontend',
    'worker',
    'billing',
    'mail',
    'orders',
    'users',
  ],
  ...['images', 'backup', 'proxy', 'router', 'events', 'reports', 'metrics', 'ledger', 'stock', 'maps', 'video', 'chat', 'forms'],
]

export interface FilledNames {
  /** `team-7/payment-745` */
  readonly names: readonly string[]
  /** A repository of so many tags. */
  readonly large: { readonly name: string; readonly tags: number }
}

export type FilledImage = ReturnType<typeof imageOf>

/** Of so many repositories. */
export function namesOf(repositories: number): FilledNames {
  const large = { name: 'large/app', tags: repositories }
  return { names: [...Array.from({ length: repositories - 1 }, (_, number) => nameOf(number)), large.name], large }
}

/** Of the repository with this id. */
export function imagesOf(id: number, name: string): readonly FilledImage[] {
  return Array.from({ length: IMAGES_OF_REPOSITORY }, (_, image) => imageOf(id, name, image))
}

/** The tags of a repository, each with the digest of its image. */
export function tagsOf(name: string, images: readonly FilledImage[], large: FilledNames['large']) {
  const count = name === large.name ? large.tags : TAGS_OF_REPOSITORY
  return Array.from({ length: count }, (_, tag) => ({ tag: tagName(tag), image: images[tag % images.length] as FilledImage }))
}

/** Several repositories share it. */
export function baseLayer(number: number): Digest {
  return digestOf(`base layer ${number}`)
}

function nameOf(number: number): string {
  return `team-${Math.floor(number / 100)}/${WORDS[number % WORDS.length]}-${number}`
}

function imageOf(id: number, name: string, image: number) {
  const word = WORDS[(id + image) % WORDS.length] ?? ''
  const layer = digestOf(`layer of ${name} ${image}`)
  const layers = [baseLayer(id % BASE_LAYERS), baseLayer((id + image + 1) % BASE_LAYERS), layer]
  const createdMs = 1_600_000_000_000 + ((id * 7_919 + image * 104_729) % 100_000_000_000)
  const configText = JSON.stringify({
    ...{ created: new Date(createdMs).toISOString(), architecture: 'amd64', os: 'linux', config: { Cmd: [`/${word}`] } },
    rootfs: { type: 'layers', diff_ids: layers },
    history: layers.map((digest) => ({ created_by: `COPY ${digest} /` })),
  })
  const [config, size] = [digestOf(configText), configText.length]
  const text = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: MANIFEST_TYPE, config: { mediaType: CONFIG_TYPE, digest: config, size } },
    layers: layers.map((digest, index) => ({ mediaType: LAYER_TYPE, digest, size: 30_000_000 + index })),
    annotations: {
      'org.opencontainers.image.title': name,
      'org.opencontainers.image.description': `The ${word} service, made by team ${id % 997}`,
    },
  })
  const manifest: Manifest = parseManifest(new TextEncoder().encode(text), MANIFEST_TYPE)
  const facts = { ...factsOf(manifest, undefined), createdMs }
  const named = [[config, 'config'], ...layers.map((digest) => [digest, 'layer'] as const)] as readonly (readonly [
    Digest,
    string,
  ])[]
  const own = [
    [config, size],
    [layer, 30_000_002],
  ] as const
  return { id, text, facts, named, own, digest: digestOf(text), config: { digest: config, text: configText } }
}

function digestOf(text: string): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(text).digest('hex')}`)
}
