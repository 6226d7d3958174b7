import type { Digest } from '../digest.ts'
import type { Manifest, ManifestReference } from '../manifest.ts'
import { isImageIndex } from '../media-types.ts'
import { type ImageConfig, platformText, timeIn } from './image-config.ts'
import { shownText } from './shown-text.ts'

/** What people ask about an image, out of its manifest and its config. Everything in it was written by the image's builder. */
export interface ImageFacts {
  readonly createdMs: number | undefined
  /** Bytes of its config and its layers, each once. Undefined for an image index. */
  readonly size: number | undefined
  /** What it runs on; of an image index, what its images run on. */
  readonly platforms: readonly string[]
  readonly title: string | undefined
  readonly description: string | undefined
  readonly source: string | undefined
  readonly version: string | undefined
  /** The image that it was built on. */
  readonly baseName: string | undefined
  readonly baseDigest: string | undefined
  /** The config of an image that has one. */
  readonly configDigest: Digest | undefined
  /** Of an image index: the first of its images, which tells what the index does not say. */
  readonly firstImage: Digest | undefined
  readonly config: ImageConfig | undefined
}

const MAX_TEXT = 1_000
const MAX_PLATFORMS = 100
const MAX_LABEL_WORDS = 200
const MAX_WORDS = 4_000
/** They are about an image, and none. */
const ATTESTATION = 'vnd.docker.reference.type'

/** Annotations count before labels: they are of the manifest, and labels may come from the image that it was built on. */
export function factsOf(manifest: Manifest, config: ImageConfig | undefined): ImageFacts {
  const { annotations = {}, mediaType, references } = manifest
  const said = (word: string) => {
    const name = `org.opencontainers.image.${word}`
    return shownText(ownText(annotations, name) || ownText(config?.labels ?? {}, name), MAX_TEXT) || undefined
  }
  const images = isImageIndex(mediaType) ? references.filter((reference) => !isAttestation(reference)) : []
  return {
    createdMs: config?.createdMs ?? timeIn(said('created')),
    size: isImageIndex(mediaType) ? undefined : sizeOf(references),
    platforms: isImageIndex(mediaType) ? platformsOf(images) : [config?.platform ?? []].flat(),
    ...{ title: said('title'), description: said('description'), source: said('source'), version: said('version') },
    ...{ baseName: said('base.name'), baseDigest: said('base.digest') },
    configDigest: configOf(manifest)?.digest,
    firstImage: images[0]?.descriptor.digest,
    config,
  }
}

/** What a search looks at, in small letters; undefined where the image says nothing. Names of labels are the same for most images. */
export function wordsOf({ title, description, config }: ImageFacts): string | undefined {
  const labels = Object.values(config?.labels ?? {}).map((label) => label.slice(0, MAX_LABEL_WORDS))
  const words = [title, description, ...labels].filter((text) => text).join('\n')
  return words.slice(0, MAX_WORDS).toLowerCase() || undefined
}

/** Undefined for an image index, and where the config is no image's. */
export function configOf({ references }: Pick<Manifest, 'references'>) {
  const config = references.find(({ role }) => role === 'config')?.descriptor
  return config !== undefined && IMAGE_CONFIGS.includes(config.mediaType) ? config : undefined
}

const IMAGE_CONFIGS = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json']

/** What BuildKit puts beside the images of an index. */
export function isAttestation({ descriptor: { annotations = {}, platform } }: ManifestReference): boolean {
  return Object.hasOwn(annotations, ATTESTATION) || platform?.os === 'unknown'
}

function sizeOf(references: readonly ManifestReference[]): number {
  const sizes = new Map(references.map(({ descriptor }) => [descriptor.digest, descriptor.size]))
  const sum = [...sizes.values()].reduce((total, size) => total + size, 0)
  return Math.min(sum, Number.MAX_SAFE_INTEGER)
}

function platformsOf(images: readonly ManifestReference[]): readonly string[] {
  const platforms = images.flatMap(({ descriptor }) => platformText({ ...descriptor.platform }) ?? [])
  return [...new Set(platforms)].slice(0, MAX_PLATFORMS)
}

function ownText(texts: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(texts, name) ? (texts[name] ?? '') : ''
}
