import type { Digest } from '../digest.ts'
import type { Tag } from '../reference.ts'

/** `sha256-<hex>`, alone or with a suffix as cosign's `.sig` and `.att`: what is attached to an image by the name of its tag. */
export function isAttachedTag(tag: string): boolean {
  return ATTACHED.test(tag)
}

/** The name of the image to which a tag attaches, as `attachedName` has it; undefined: it attaches to none. */
export function attachedTo(tag: string): string | undefined {
  return isAttachedTag(tag) ? tag.slice(0, NAME_LENGTH) : undefined
}

/** How the tags begin that attach something to an image. */
export function attachedName(digest: Digest): string {
  return digest.replace(':', '-').slice(0, NAME_LENGTH)
}

/** Those of some tags that attach something to an image, by the name that they have of it. */
export function attachedIn(tags: readonly Tag[]): ReadonlyMap<string, readonly Tag[]> {
  return Map.groupBy(tags.filter(isAttachedTag), (tag) => tag.slice(0, NAME_LENGTH))
}

/** As `IS_ATTACHED` of metadata: of a longer digest there are the first 64 digits. */
const ATTACHED = /^sha(?:256|512)-[0-9a-f]{64}(?:$|\.)/
const NAME_LENGTH = 'sha256-'.length + 64
