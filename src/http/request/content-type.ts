import { RegistryError } from '../../oci/errors.ts'

/**
 * The media type that a request declares, in lower case and without its parameters (end-7: "SHOULD ignore"); undefined when there is
 * none. Throws MANIFEST_INVALID when there are two that differ; they arrive joined by a comma.
 */
export function declaredMediaType(headers: Headers): string | undefined {
  const header = headers.get('content-type') ?? ''
  const beforeParameters = header.split(';', 1).join('').toLowerCase()
  const mediaTypes = new Set(beforeParameters.split(',').map((mediaType) => mediaType.trim()))
  const [mediaType] = mediaTypes
  if (mediaTypes.size === 1) return mediaType || undefined
  throw new RegistryError('MANIFEST_INVALID', {
    message: 'The request has more than one Content-Type; send the one of the manifest.',
    detail: { contentType: header.slice(0, 300) },
  })
}
