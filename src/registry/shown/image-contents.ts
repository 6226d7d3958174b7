import { findManifestBytes } from '../../metadata/content.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Digest } from '../../oci/digest.ts'
import { platformText } from '../../oci/image/image-config.ts'
import { isAttestation } from '../../oci/image/image-facts.ts'
import { shownText } from '../../oci/image/shown-text.ts'
import { type ManifestReference, parseStoredManifest } from '../../oci/manifest.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'

/** A larger manifest is not taken apart to be shown: nearly all have less than 64 KiB. */
const MOST_BYTES = 256 * 1024
const MAX_MEDIA_TYPE = 200

export interface ShownLayer {
  readonly digest: Digest
  readonly mediaType: string
  readonly size: number
}

/** What an image index names. */
export interface ShownChild extends ShownLayer {
  /** `linux/arm64/v8`; undefined where it is not said. */
  readonly platform: string | undefined
  /** It tells how another image of the index was built, and is none itself. */
  readonly isAttestation: boolean
}

export interface ImageContents {
  readonly artifactType: string | undefined
  /** What it is attached to. */
  readonly subject: Digest | undefined
  /** The lowest first. */
  readonly layers: readonly ShownLayer[]
  readonly images: readonly ShownChild[]
}

/** What a manifest names, in its order. */
export class ImageContentsReader {
  readonly #storage: Pick<StorageDriver, 'readSmall'>
  readonly #metadata: Metadata

  constructor({ storage, metadata }: { readonly storage: Pick<StorageDriver, 'readSmall'>; readonly metadata: Metadata }) {
    this.#storage = storage
    this.#metadata = metadata
  }

  /** Undefined where it is too large to be shown, or its bytes are missing or damaged. */
  async of(digest: Digest): Promise<ImageContents | undefined> {
    const bytes = (await findManifestBytes(this.#metadata.read, digest)) ?? (await this.#bytesInStorage(digest))
    const manifest = bytes && parseStoredManifest(bytes)
    if (manifest === undefined) return undefined
    const { references, subject, artifactType } = manifest
    return {
      artifactType: artifactType && shownText(artifactType, MAX_MEDIA_TYPE),
      subject: subject?.digest,
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
  const platform = platformText({ ...reference.descriptor.platform })
  return { ...shownLayer(reference), platform, isAttestation: isAttestation(reference) }
}
