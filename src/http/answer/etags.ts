import type { Digest } from '../../oci/digest.ts'

/** The strong validator of content that its digest names. */
export function etagOf(digest: Digest): string {
  return `"${digest}"`
}

/** True when the client has it already: a list, `*`, weak and (as registry:2 allows) unquoted validators (RFC 9110 section 13.1.2). */
export function isNotModified(headers: Headers, etag: string): boolean {
  const header = headers.get('if-none-match')
  if (header === null) return false
  return header.split(',').some((text) => {
    const validator = text.trim().replace(/^W\//, '')
    return validator === '*' || validator === etag || `"${validator}"` === etag
  })
}
