/** `sha256-<hex>`, alone or with a suffix as cosign's `.sig` and `.att`: what is attached to an image by the name of its tag. */
export function isAttachedTag(tag: string): boolean {
  return ATTACHED.test(tag)
}

/** As `IS_ATTACHED` of metadata: of a longer digest there are the first 64 digits. */
const ATTACHED = /^sha(?:256|512)-[0-9a-f]{64}(?:$|\.)/
