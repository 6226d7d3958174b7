import type { Actor } from '../../observe/actor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Reference, Tag } from '../../oci/reference.ts'

export interface ManifestPush {
  readonly reference: Reference
  /** Further tags, from `?tag=` (end-7b). */
  readonly tags: readonly Tag[]
  /** The media type of the Content-Type header, without parameters; undefined when there was none. */
  readonly contentType: string | undefined
  /** They hold no more than a manifest may (`ManifestBounds`). */
  readonly bytes: Uint8Array
  /** It comes from another registry, where what it names is: that comes when it is asked for. No rules of this registry apply. */
  readonly isMirrored?: boolean
  readonly actor: Actor
}

export interface PushedManifest {
  readonly digest: Digest
  readonly subject: Digest | undefined
  /** The tags that now point to it. */
  readonly tags: readonly Tag[]
}
