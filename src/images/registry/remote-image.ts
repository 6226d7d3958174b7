import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { type Manifest, type ManifestReference, parseManifest } from '../../oci/manifest.ts'
import { requireBounds } from '../../oci/manifest-bounds.ts'
import { findManifestMediaType } from '../../oci/media-types.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference } from '../../oci/reference.ts'
import { manifestUnknown } from '../../oci/unknown.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import type { ManifestContent } from '../image-content.ts'
import { ImageError } from '../image-error.ts'
import { choosePlatform } from '../platform.ts'

export interface RemoteManifest {
  readonly descriptor: Descriptor
  readonly content: ManifestContent
  readonly manifest: Manifest
}

export interface RemoteImage {
  readonly repository: RepositoryName
  readonly upstream: Upstream
}

/** An image's manifest; with a platform, that of an image index for it. Throws RegistryError and ImageError. */
export async function getRemoteManifest(
  image: RemoteImage,
  {
    reference,
    platform,
    signal,
  }: { readonly reference: Reference; readonly platform: string | undefined; readonly signal: AbortSignal },
): Promise<RemoteManifest> {
  const root = await getManifest(image, reference, signal)
  if (platform === undefined) return root
  const chosen = await choosePlatform(root.descriptor, platform, async () => root.manifest.references)
  return chosen.digest === root.descriptor.digest ? root : await getManifest(image, chosen.digest, signal)
}

/** Indexes name images, and rarely indexes again. */
const MOST_LEVELS = 4
/** Of manifests together, which are held in memory. */
const MOST_MANIFEST_BYTES = 64 * 1024 * 1024

/** All manifests of an image, each one behind those that it names, and its blobs, each once. */
export async function getRemoteTree(image: RemoteImage, root: RemoteManifest, signal: AbortSignal): Promise<RemoteTree> {
  const manifests = new Map<Digest, RemoteManifest>()
  const blobs = new Map<Digest, ManifestReference>()
  let bytes = 0
  const add = async (found: RemoteManifest, level: number): Promise<void> => {
    bytes += found.content.bytes.length
    if (level >= MOST_LEVELS || bytes > MOST_MANIFEST_BYTES)
      throw new ImageError('the image has too many manifests in one another')
    for (const reference of found.manifest.references) {
      const { descriptor, role } = reference
      if (role !== 'child' || findManifestMediaType(descriptor.mediaType) === undefined) blobs.set(descriptor.digest, reference)
      else if (!manifests.has(descriptor.digest)) await add(await getManifest(image, descriptor.digest, signal), level + 1)
    }
    manifests.set(found.descriptor.digest, found)
  }
  await add(root, 0)
  return { manifests: [...manifests.values()], blobs: [...blobs.values()] }
}

export interface RemoteTree {
  readonly manifests: readonly RemoteManifest[]
  readonly blobs: readonly ManifestReference[]
}

async function getManifest(
  { repository, upstream }: RemoteImage,
  reference: Reference,
  signal: AbortSignal,
): Promise<RemoteManifest> {
  const found = await upstream.findManifest(repository, reference, signal)
  if (found === undefined) throw manifestUnknown(reference)
  const { digest, bytes, contentType } = found
  requireBounds(bytes)
  const manifest = parseManifest(bytes, contentType)
  const { mediaType } = manifest
  return { descriptor: { mediaType, digest, size: bytes.length }, content: { digest, mediaType, bytes }, manifest }
}
