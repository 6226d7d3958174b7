import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.ts'
import { suits } from '../../oci/image/platform.ts'
import { MAX_MANIFEST_BYTES, type ManifestReference } from '../../oci/manifest.ts'
import { isImageIndex } from '../../oci/media-types.ts'
import { blobUnknown } from '../../oci/unknown.ts'
import { objectIn, parsedJson, textsIn } from '../files/parsed-json.ts'
import type { BlobContent } from '../image-content.ts'
import { ImageError } from '../image-error.ts'
import { type ImageName, imageNameText } from '../image-name.ts'
import { ownPlatform, parsePlatform, platformName } from '../platform.ts'
import { getRemoteManifest, type RemoteImage } from '../registry/remote-image.ts'

/** What a new image begins with. */
export interface BaseImage {
  readonly config: Readonly<Record<string, unknown>>
  readonly platform: Platform
  readonly layers: readonly Descriptor[]
  /** Those of its layers that the new image's registry must get. */
  readonly blobs: readonly BlobContent[]
  readonly from: { readonly name: string; readonly digest: Digest } | undefined
}

export const SCRATCH = 'scratch'

/** Nothing, for a platform. */
export function scratch(platform: Platform): BaseImage {
  return { config: {}, platform, layers: [], blobs: [], from: undefined }
}

interface BaseOptions {
  readonly name: ImageName
  readonly image: RemoteImage
  /** Undefined: of an image index that for this machine, else what the image is for. */
  readonly platform: string | undefined
  readonly signal: AbortSignal
}

/** Throws ImageError and RegistryError. */
export async function getBaseImage({ name, image, platform, signal }: BaseOptions): Promise<BaseImage> {
  const chosen = platform ?? platformName(ownPlatform())
  const { content, manifest } = await getRemoteManifest(image, { reference: name.reference, platform: chosen, signal })
  const text = imageNameText(name)
  if (isImageIndex(manifest.mediaType))
    throw new ImageError(`${text} is an image index of indexes; name one of its images as the base`)
  const layers = manifest.references.filter(({ role }) => role === 'layer')
  const config = await readConfig(image, manifest.references, { text, signal })
  requireLayers(config, layers.length, text)
  const its = platformOf(config, text)
  if (platform !== undefined && !suits(its, parsePlatform(platform)))
    throw new ImageError(`the base ${text} is for ${platformName(its)}, not for ${platform}`)
  return {
    ...{ config, platform: its, from: { name: text, digest: content.digest } },
    layers: layers.map(({ descriptor }) => ociLayer(descriptor)),
    blobs: layers.filter(({ mayBeAbsent }) => !mayBeAbsent).map(({ descriptor }) => blobOf(descriptor, name, image, signal)),
  }
}

function blobOf(
  descriptor: Descriptor,
  { registry, repository }: ImageName,
  image: RemoteImage,
  signal: AbortSignal,
): BlobContent {
  return {
    descriptor: ociLayer(descriptor),
    chunks: () => chunksOf(image, descriptor, signal),
    mountFrom: { registry, repository },
  }
}

async function* chunksOf({ upstream, repository }: RemoteImage, { digest }: Descriptor, signal: AbortSignal) {
  const found = await upstream.openBlob(repository, digest, 0, signal)
  if (found === undefined) throw blobUnknown(digest)
  yield* found.chunks
}

const DOCKER_LAYERS: Readonly<Record<string, string>> = {
  'application/vnd.docker.image.rootfs.diff.tar.gzip': 'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd': 'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar': 'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip': 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
}

/** The same bytes by the name that OCI has for them. */
function ociLayer({ mediaType, digest, size, urls }: Descriptor): Descriptor {
  return { mediaType: DOCKER_LAYERS[mediaType] ?? mediaType, digest, size, urls }
}

async function readConfig(
  { repository, upstream }: RemoteImage,
  references: readonly ManifestReference[],
  { text, signal }: { readonly text: string; readonly signal: AbortSignal },
): Promise<Readonly<Record<string, unknown>>> {
  const descriptor = references.find(({ role }) => role === 'config')?.descriptor
  if (descriptor === undefined || descriptor.size > MAX_MANIFEST_BYTES) throw noImage(text)
  const found = await upstream.openBlob(repository, descriptor.digest, 0, signal)
  if (found === undefined) throw blobUnknown(descriptor.digest)
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of found.chunks) {
    size += chunk.length
    if (size > MAX_MANIFEST_BYTES) throw noImage(text)
    parts.push(chunk)
  }
  const bytes = Buffer.concat(parts)
  if (digestOf(algorithmOf(descriptor.digest), bytes) !== descriptor.digest) throw noImage(text)
  return objectIn(parsedJson(bytes, `the config of ${text}`))
}

function requireLayers(config: Readonly<Record<string, unknown>>, layers: number, text: string): void {
  if (textsIn(objectIn(config.rootfs).diff_ids).length !== layers) throw noImage(text)
}

function platformOf(config: Readonly<Record<string, unknown>>, text: string): Platform {
  const { os, architecture, variant } = config
  if (typeof os !== 'string' || typeof architecture !== 'string') throw noImage(text)
  return { os, architecture, ...(typeof variant === 'string' && variant !== '' ? { variant } : {}) }
}

function noImage(text: string): ImageError {
  return new ImageError(`${text} cannot be a base: it is no image that containers run from`)
}
