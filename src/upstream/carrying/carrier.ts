import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Manifest, ManifestReference } from '../../oci/manifest.ts'
import type { Reference, Tag } from '../../oci/reference.ts'

/** A manifest on its way. */
export interface CarriedManifest {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Uint8Array
  /** What they say. */
  readonly manifest: Manifest
}

/** What brings the content of one repository from another registry to where it is wanted. Each step may be repeated. */
export interface Carrier {
  /** Undefined: the other registry does not have it. Throws UpstreamFailure, and MANIFEST_INVALID for what is no manifest. */
  findManifest(reference: Reference, signal: AbortSignal): Promise<CarriedManifest | undefined>
  /** Whether a manifest is here with all that it names. */
  isWhole(digest: Digest, signal: AbortSignal): Promise<boolean>
  /** The blob is here when this resolves. Throws BLOB_UNKNOWN where the other registry does not have it. */
  bringBlob(reference: ManifestReference, signal: AbortSignal): Promise<void>
  /** All that it names is here. With a tag, the tag names it from now on. */
  keepManifest(manifest: CarriedManifest, tag: Tag | undefined, signal: AbortSignal): Promise<void>
  /** What refers to a manifest there. */
  listReferrers(subject: Digest, signal: AbortSignal): Promise<readonly Descriptor[]>
}
