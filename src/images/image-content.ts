import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'

export interface BlobContent {
  readonly descriptor: Descriptor
  /** Its bytes, from the start; each call reads them anew. */
  readonly chunks: () => AsyncIterable<Uint8Array>
  /** Where it lies in a registry already: a push there mounts it. */
  readonly mountFrom?: { readonly registry: string; readonly repository: RepositoryName } | undefined
}

export interface ManifestContent {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Uint8Array
}

/** An image, or an image index with its images, on its way into a registry or into an archive. */
export interface ImageContent {
  /** Each blob once. A blob is of use until the next one is asked for. */
  readonly blobs: () => AsyncIterable<BlobContent>
  /** To be asked for after the last blob. Each manifest stands behind those that it names; the last one is the image itself. */
  readonly manifests: () => readonly ManifestContent[]
}
