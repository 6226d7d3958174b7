import { algorithmOf, type Digest, hexOf } from '../oci/digest.ts'

/** Where a blob lies in an OCI layout (image-spec image-layout.md). */
export function blobPath(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`
}
