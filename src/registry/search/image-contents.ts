import { findManifestBytes } from '../../metadata/content.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Annotations } from '../../oci/descriptor.ts'
import { type Digest, findDigest } from '../../oci/digest.ts'
import { platformText } from '../../oci/image/image-config.ts'
import { isAttestation } from '../../oci/image/image-facts.ts'
import { shownText } from '../../oci/image/shown-text.ts'
import { type ManifestReference, parseStoredManifest } from '../../oci/manifest.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'

/** A larger manifest is not parsed for the page: nearly all have less than 64 KiB. */
const MOST_BYTES = 256 * 1024
const MAX_MEDIA_TYPE = 200

export interface ShownLayer {
  readonly digest: Digest
  readonly mediaType: string
  readonly size: number
}

/** A manifest that an image index names. */
export interface ShownChild extends ShownLayer {
  /** `linux/arm64/v8`; undefined where the index gives none. */
  readonly platform: string | undefined
  /** True for a record of how another image of the index was built (provenance, SBOM), which is no image itself. */
  readonly isAttestation: boolean
  /** The image that it is a record of. */
  readonly attests: Digest | undefined
}

/** What the page and /api/v1 show of one manifest. */
export interface ImageContents {
  readonly artifactType: string | undefined
  /** The manifest that this one is attached to as a referrer. */
  readonly subject: Digest | undefined
  /** Of an attestation: the types of what it attests, as it says. */
  readonly attested: readonly string[]
  /** Of an image, the base layer first; empty for an image index. */
  readonly layers: readonly ShownLayer[]
  /** Of an image index; empty for an image. */
  readonly images: readonly ShownChild[]
}

/**
 * Reads which layers or images a stored manifest names, in the order of the manifest, from the copy in the metadata or else from the
 * storage. Texts that a client wrote are made safe to show.
 */
export class ImageContentsReader {
  readonly #storage: Pick<StorageDriver, 'readSmall'>
  readonly #metadata: Metadata

  constructor({ storage, metadata }: { readonly storage: Pick<StorageDriver, 'readSmall'>; readonly metadata: Metadata }) {
    this.#storage = storage
    this.#metadata = metadata
  }

  /** Undefined where the manifest is larger than what is shown, or its bytes are missing or damaged. */
  async of(digest: Digest): Promise<ImageContents | undefined> {
    const bytes = (await findManifestBytes(this.#metadata.read, digest)) ?? (await this.#bytesInStorage(digest))
    const manifest = bytes && parseStoredManifest(bytes)
    if (manifest === undefined) return undefined
    const { references, subject, artifactType, annotations } = manifest
    return {
      artifactType: artifactType && shownText(artifactType, MAX_MEDIA_TYPE),
      subject: subject?.digest,
      attested: attestedIn([annotations, ...references.map(({ descriptor }) => descriptor.annotations)]),
      layers: references.filter(({ role }) => role === 'layer').map(shownLayer),
      images: references.filter(({ role }) => role === 'child').map(shownChild),
    }
  }

  async #bytesInStorage(digest: Digest): Promise<Uint8Array | undefined> {
    try {
      return await this.#storage.readSmall(layout.blob(digest), MOST_BYTES)
    } catch (error) {
      if (error instanceof FileTooLargeError) return undefined
      throw error
    }
  }
}

function shownLayer({ descriptor: { digest, mediaType, size } }: ManifestReference): ShownLayer {
  return { digest, mediaType: shownText(mediaType, MAX_MEDIA_TYPE), size }
}

function shownChild(reference: ManifestReference): ShownChild {
  const { platform, annotations } = reference.descriptor
  const attests = findDigest(ownText(annotations, ATTESTS))
  return { ...shownLayer(reference), platform: platformText({ ...platform }), isAttestation: isAttestation(reference), attests }
}

/** As BuildKit writes it. */
const ATTESTS = 'vnd.docker.reference.digest'
const PREDICATE_TYPES = ['in-toto.io/predicate-type', 'dev.sigstore.bundle.predicateType']
const MOST_ATTESTED = 20

function attestedIn(said: readonly (Annotations | undefined)[]): readonly string[] {
  const types = said.flatMap((annotations) => PREDICATE_TYPES.map((name) => ownText(annotations, name)))
  return types
    .filter((type) => type !== '')
    .slice(0, MOST_ATTESTED)
    .map((type) => shownText(type, MAX_MEDIA_TYPE))
}

function ownText(annotations: Annotations | undefined, name: string): string {
  return annotations !== undefined && Object.hasOwn(annotations, name) ? (annotations[name] ?? '') : ''
}
