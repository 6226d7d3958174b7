import { RegistryError } from '../oci/errors.ts'

/**
 * The media type that a request declares, in lower case and without its parameters (end-7: "SHOULD ignore"); undefined when there is
 * none. Throws MANIFEST_INVALID when there are two, which arrive joined by a comma.
 */
export function declaredMediaType(headers: Headers): string | undefined {
  const header = headers.get('content-type') ?? ''
  const mediaType = header.split(';', 1).join('').trim().toLowerCase()
  if (!mediaType.includes(',')) return mediaType || undefined
  throw new RegistryError('MANIFEST_INVALID', {
    message: 'The request has more than one Content-Type; send the one of the manifest.',
    detail: { contentType: header.slice(0, 300) },
  })
}
