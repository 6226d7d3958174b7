import { type Digest, findDigest, parseDigest } from './digest.ts'
import { RegistryError } from './errors.ts'

/** A tag of distribution-spec "Pulling manifests": at most 128 characters, never one that could be a digest. */
export type Tag = string & { readonly tag: unique symbol }

/** What stands after `/manifests/`: a tag or a digest. A colon tells them apart. */
export type Reference = Tag | Digest

const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/

export function findTag(text: string): Tag | undefined {
  return TAG.test(text) ? (text as Tag) : undefined
}

/** Throws MANIFEST_INVALID: a push to a name that can never be a tag. */
export function parseTag(text: string): Tag {
  const tag = findTag(text)
  if (tag !== undefined) return tag
  throw new RegistryError('MANIFEST_INVALID', {
    message: 'The tag is not valid; use letters, digits, "_", "." and "-", at most 128 characters.',
    detail: text.slice(0, 300),
  })
}

/** Throws DIGEST_INVALID where a colon announces a digest, else MANIFEST_INVALID. */
export function parseReference(text: string): Reference {
  return text.includes(':') ? parseDigest(text) : parseTag(text)
}

export function isDigest(reference: Reference): reference is Digest {
  return findDigest(reference) !== undefined
}
