import type { Descriptor } from '../../oci/descriptor.ts'
import type { PushedBlob, PushTarget } from '../../upstream/push-target.ts'
import type { BlobContent, ImageContent, ManifestContent } from '../image-content.ts'
import { imageNameText, type TaggedName } from '../image-name.ts'

/** Where an image is pushed to. */
export interface Destination {
  readonly name: TaggedName
  readonly target: PushTarget
}

export interface PushProgress {
  /** Is told what came of each blob. */
  readonly onBlob: (name: TaggedName, descriptor: Descriptor, pushed: PushedBlob) => void
}

/**
 * Pushes an image to each destination: its blobs, the manifests that it is made of, and its tag at last, so that a push that fails leaves no tag
 * of something that is not whole. Gives the manifest that the tags name.
 */
export async function pushImage(
  content: ImageContent,
  destinations: readonly Destination[],
  { onBlob, signal }: PushProgress & { readonly signal: AbortSignal },
): Promise<ManifestContent> {
  for await (const blob of content.blobs()) {
    for (const [at, destination] of destinations.entries()) {
      const pushed = await pushBlob(blob, destination, { before: destinations.slice(0, at), signal })
      onBlob(destination.name, blob.descriptor, pushed)
    }
  }
  const manifests = content.manifests()
  const image = manifests.at(-1)
  if (image === undefined) throw new Error('An image has a manifest')
  for (const destination of destinations) await pushManifests(manifests, image, destination, signal)
  return image
}

interface Pushing {
  /** They have it by now. */
  readonly before: readonly Destination[]
  readonly signal: AbortSignal
}

async function pushBlob(
  { descriptor: { digest, size }, chunks, mountFrom }: BlobContent,
  { name, target }: Destination,
  { before, signal }: Pushing,
): Promise<PushedBlob> {
  const beside = before.find((other) => other.name.registry === name.registry)?.name.repository
  const from = beside ?? (mountFrom?.registry === name.registry ? mountFrom.repository : undefined)
  return await target.putBlob(name.repository, { digest, size, chunks, mountFrom: from }, signal)
}

async function pushManifests(
  manifests: readonly ManifestContent[],
  image: ManifestContent,
  { name, target }: Destination,
  signal: AbortSignal,
): Promise<void> {
  for (const manifest of manifests) {
    if (manifest.digest === image.digest) continue
    await target.putManifest(name.repository, { ...manifest, reference: manifest.digest }, signal)
  }
  await target.putManifest(name.repository, { ...image, reference: name.reference }, signal)
}

export function pushedText({ name }: Destination, { digest }: ManifestContent): string {
  return `${imageNameText(name)}@${digest}`
}
