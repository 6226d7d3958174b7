import type { Descriptor } from '../../oci/descriptor.ts'
import { algorithmOf, RunningDigest } from '../../oci/digest.ts'
import { suits } from '../../oci/image/platform.ts'
import { findManifestMediaType, isImageIndex } from '../../oci/media-types.ts'
import { isDigest } from '../../oci/reference.ts'
import { blobUnknown } from '../../oci/unknown.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import { blobPath } from '../blob-path.ts'
import { ImageError } from '../image-error.ts'
import { imageIndex } from '../image-manifest.ts'
import { DOCKER_HUB, type ImageName, imageNameText } from '../image-name.ts'
import { ownPlatform } from '../platform.ts'
import type { RemoteImage, RemoteManifest, RemoteTree } from '../registry/remote-image.ts'
import { tarEnd, tarHeader, tarPadding } from '../tar/tar-header.ts'

interface ArchiveParts {
  readonly name: ImageName
  readonly root: RemoteManifest
  readonly tree: RemoteTree
  readonly image: RemoteImage
  readonly signal: AbortSignal
}

/**
 * An OCI layout as a tar archive, with Docker's manifest.json for the programs that know nothing newer. The same image gives the same bytes.
 * Blobs come from the registry while the archive is read, and are checked.
 */
export async function* imageArchive(parts: ArchiveParts): AsyncGenerator<Uint8Array> {
  const { root, tree, image, signal } = parts
  yield* file('oci-layout', text({ imageLayoutVersion: '1.0.0' }))
  yield* file('index.json', imageIndex([named(root, parts.name)]).bytes)
  const docker = dockerImage(parts)
  if (docker !== undefined) yield* file('manifest.json', text([docker]))
  for (const { content } of tree.manifests) yield* file(blobPath(content.digest), content.bytes)
  for (const { descriptor, mayBeAbsent } of tree.blobs) yield* blob(image, { descriptor, mayBeAbsent, signal })
  yield tarEnd()
}

function* file(path: string, bytes: Uint8Array): Generator<Uint8Array> {
  yield headerOf(path, bytes.length)
  yield bytes
  yield tarPadding(bytes.length)
}

function headerOf(path: string, sizeBytes: number): Uint8Array {
  return tarHeader({ path, kind: 'file', mode: 0o644, userId: 0, groupId: 0, sizeBytes, modifiedSeconds: 0, target: '' })
}

async function* blob(
  { repository, upstream }: RemoteImage,
  {
    descriptor,
    mayBeAbsent,
    signal,
  }: { readonly descriptor: Descriptor; readonly mayBeAbsent: boolean; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { digest, size } = descriptor
  const found = await upstream.openBlob(repository, digest, 0, signal)
  if (found === undefined && mayBeAbsent) return
  if (found === undefined) throw blobUnknown(digest)
  yield headerOf(blobPath(digest), size)
  yield* checked(found.chunks, descriptor, upstream)
  yield tarPadding(size)
}

/** Throws ImageError where the registry gives other bytes than the digest says. */
export async function* checked(
  chunks: AsyncIterable<Uint8Array>,
  { digest, size }: Descriptor,
  { origin }: Pick<Upstream, 'origin'>,
): AsyncGenerator<Uint8Array> {
  const hash = new RunningDigest(algorithmOf(digest))
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > size) break
    hash.update(chunk)
    yield chunk
  }
  if (bytes !== size || hash.digest() !== digest)
    throw new ImageError(`${origin} gave other bytes for the blob ${digest} than its digest says; its operator can tell why`)
}

/** containerd and podman read the whole name, skopeo the tag. */
function named({ descriptor }: RemoteManifest, name: ImageName): Descriptor {
  if (isDigest(name.reference)) return descriptor
  const annotations = { 'io.containerd.image.name': imageNameText(name), 'org.opencontainers.image.ref.name': name.reference }
  return { ...descriptor, annotations }
}

/** What Docker without containerd's store loads: one image, whose layers it can unpack. */
function dockerImage({ name, root, tree }: ArchiveParts): unknown {
  const image = isImageIndex(root.manifest.mediaType) ? imageForHere(root, tree) : root
  if (image === undefined) return undefined
  const config = image.manifest.references.find(({ role }) => role === 'config')?.descriptor
  const layers = image.manifest.references.filter(({ role }) => role === 'layer')
  if (config === undefined || !/image(\.v1\+json|\.config\.v1\+json)$/.test(config.mediaType)) return undefined
  return {
    Config: blobPath(config.digest),
    RepoTags: isDigest(name.reference) ? null : [dockerName(name)],
    Layers: layers.map(({ descriptor }) => blobPath(descriptor.digest)),
  }
}

function imageForHere(root: RemoteManifest, { manifests }: RemoteTree): RemoteManifest | undefined {
  const images = root.manifest.references.filter(({ descriptor }) => {
    const mediaType = findManifestMediaType(descriptor.mediaType)
    return mediaType !== undefined && !isImageIndex(mediaType)
  })
  const chosen = images.find(({ descriptor }) => suits(descriptor.platform, ownPlatform())) ?? images[0]
  return manifests.find(({ descriptor }) => descriptor.digest === chosen?.descriptor.digest)
}

/** As Docker shows it. */
function dockerName(name: ImageName): string {
  const { registry, repository, reference } = name
  return registry === DOCKER_HUB ? `${repository.replace(/^library\//, '')}:${reference}` : imageNameText(name)
}

function text(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}
