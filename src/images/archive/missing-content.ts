import type { Descriptor } from '../../oci/descriptor.ts'
import { findManifestMediaType } from '../../oci/media-types.ts'
import { ImageError } from '../image-error.ts'

/** Docker saves an index of all platforms with the images of those that it has. Throws ImageError. */
export function requireNothingMissing(missing: readonly Descriptor[], label: string): void {
  const [first] = missing
  if (first === undefined) return
  const isImage = findManifestMediaType(first.mediaType) !== undefined
  throw new ImageError(
    isImage
      ? `${label} does not have all images of its image index (${missing.length} are missing, ${first.digest} for one); name the platform that it has with --platform`
      : `${label} is not whole: it does not have the blob ${first.digest}, which its image names`,
  )
}
