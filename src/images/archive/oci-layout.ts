import type { Descriptor } from '../../oci/descriptor.ts'
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.ts'
import { MAX_MANIFEST_BYTES, type Manifest, parseManifest } from '../../oci/manifest.ts'
import { requireBounds } from '../../oci/manifest-bounds.ts'
import { findManifestMediaType } from '../../oci/media-types.ts'
import { blobPath } from '../blob-path.ts'
import { bytesOf, chunksOf, type FilePart } from '../files/file-part.ts'
import type { BlobContent, ImageContent, ManifestContent } from '../image-content.ts'
import { ImageError } from '../image-error.ts'
import { choosePlatform } from '../platform.ts'
import type { ArchiveFiles } from './archive-files.ts'
import { requireNothingMissing } from './missing-content.ts'

/** image-spec image-layout.md. */
export interface OciLayout {
  readonly files: ArchiveFiles
  /** What index.json names, each digest once, with the names that it has there. */
  readonly images: readonly NamedImage[]
}

export interface NamedImage {
  readonly descriptor: Descriptor
  readonly names: readonly string[]
}

/** Indexes name images, and rarely indexes again. */
const MOST_LEVELS = 4
/** Of manifests together, which are held in memory. */
const MOST_MANIFEST_BYTES = 64 * 1024 * 1024

/** Undefined for what is no OCI layout. Throws ImageError for one that cannot be used, and RegistryError for manifests that cannot. */
export async function findOciLayout(files: ArchiveFiles): Promise<OciLayout | undefined> {
  const [marker, index] = await Promise.all([files.find('oci-layout'), files.find('index.json')])
  if (marker === undefined || index === undefined) return undefined
  const bytes = await bytesOf(index, { maxBytes: MAX_MANIFEST_BYTES, label: `index.json in ${files.label}` })
  const { references } = readManifest(bytes, undefined)
  const images = new Map<Digest, NamedImage>()
  for (const { descriptor } of references) {
    const names = [...(images.get(descriptor.digest)?.names ?? []), ...namesOf(descriptor)]
    images.set(descriptor.digest, { descriptor, names })
  }
  return { files, images: [...images.values()] }
}

/** The image as it lies in the layout, byte for byte. `platform`: of an image index, that image alone. */
export async function readOciImage({ files }: OciLayout, image: Descriptor, platform: string | undefined): Promise<ImageContent> {
  const tree = new Tree(files)
  const root = platform === undefined ? image : await choosePlatform(image, platform, (found) => tree.references(found))
  await tree.add(root, 0)
  if (tree.missing[0]?.digest === root.digest) throw unnamed(root, files)
  requireNothingMissing(tree.missing, files.label)
  return { blobs: () => listed(tree.blobs.values()), manifests: () => [...tree.manifests.values()] }
}

async function* listed(blobs: Iterable<BlobContent>): AsyncGenerator<BlobContent> {
  yield* blobs
}

/** containerd writes the whole name, other programs write the name or the tag alone. */
function namesOf({ annotations = {} }: Descriptor): readonly string[] {
  const names = [annotations['io.containerd.image.name'], annotations['org.opencontainers.image.ref.name']]
  return names.filter((name) => name !== undefined && name !== '').slice(0, 1) as readonly string[]
}

/** What an image is made of. */
class Tree {
  readonly #files: ArchiveFiles
  readonly blobs = new Map<Digest, BlobContent>()
  readonly manifests = new Map<Digest, ManifestContent>()
  readonly missing: Descriptor[] = []
  #manifestBytes = 0

  constructor(files: ArchiveFiles) {
    this.#files = files
  }

  async add(descriptor: Descriptor, level: number): Promise<void> {
    if (level >= MOST_LEVELS)
      throw new ImageError(`${this.#files.label} has image indexes in one another, more than ${MOST_LEVELS}`)
    if (this.manifests.has(descriptor.digest)) return
    const found = await this.#findManifest(descriptor)
    if (found === undefined) return void this.missing.push(descriptor)
    for (const { descriptor: named, role, mayBeAbsent } of found.manifest.references) {
      if (role === 'child' && findManifestMediaType(named.mediaType) !== undefined) await this.add(named, level + 1)
      else await this.#addBlob(named, mayBeAbsent)
    }
    this.manifests.set(descriptor.digest, found.content)
  }

  async references(descriptor: Descriptor): Promise<Manifest['references']> {
    const found = await this.#findManifest(descriptor)
    if (found === undefined) throw unnamed(descriptor, this.#files)
    return found.manifest.references
  }

  async #findManifest(descriptor: Descriptor) {
    const { digest, mediaType } = descriptor
    const part = await this.#files.find(blobPath(digest))
    if (part === undefined) return undefined
    const bytes = await bytesOf(part, { maxBytes: MAX_MANIFEST_BYTES, label: `the manifest ${digest} in ${this.#files.label}` })
    this.#manifestBytes += bytes.length
    if (this.#manifestBytes > MOST_MANIFEST_BYTES) throw new ImageError(`${this.#files.label} has too many manifests`)
    if (digestOf(algorithmOf(digest), bytes) !== digest)
      throw new ImageError(`${this.#files.label} is damaged: the manifest ${digest} has other bytes than its name says`)
    const manifest = readManifest(bytes, mediaType || undefined)
    return { manifest, content: { digest, mediaType: manifest.mediaType, bytes } }
  }

  async #addBlob(descriptor: Descriptor, mayBeAbsent: boolean): Promise<void> {
    const part = await this.#files.find(blobPath(descriptor.digest))
    if (part === undefined) {
      if (!mayBeAbsent) this.missing.push(descriptor)
      return
    }
    requireSize(part, descriptor, this.#files.label)
    this.blobs.set(descriptor.digest, { descriptor, chunks: () => chunksOf(part) })
  }
}

function unnamed({ digest }: Descriptor, { label }: ArchiveFiles): ImageError {
  return new ImageError(`${label} is not whole: it does not have ${digest}, which its index.json names`)
}

function readManifest(bytes: Uint8Array, mediaType: string | undefined): Manifest {
  requireBounds(bytes)
  return parseManifest(bytes, mediaType)
}

function requireSize({ size }: FilePart, descriptor: Descriptor, label: string): void {
  if (size === descriptor.size) return
  throw new ImageError(`${label} is damaged: the blob ${descriptor.digest} has ${size} bytes in place of ${descriptor.size}`)
}
