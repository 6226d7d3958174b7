import { findDigest } from '../../../../oci/digest.ts'
import { RegistryError } from '../../../../oci/errors.ts'
import { findTag, type Reference } from '../../../../oci/reference.ts'

/** The image that an address of the page is about. */
export interface Meant {
  readonly reference: Reference
  /** Which image of an image index; undefined: its first. */
  readonly platform: string | undefined
}

/** Throws MANIFEST_UNKNOWN for an address that names none. */
export function findMeant(query: URLSearchParams): Meant {
  const text = query.get('of') ?? ''
  const reference = findDigest(text) ?? findTag(text)
  if (reference === undefined) throw new RegistryError('MANIFEST_UNKNOWN', { message: 'The address names no image.' })
  return { reference, platform: query.get('platform') || undefined }
}

export function queryOf({ reference, platform }: Meant): Readonly<Record<string, string | undefined>> {
  return { of: reference, platform }
}
