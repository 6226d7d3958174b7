import { RegistryError } from '../oci/errors.ts'

/** What of a URL says what a request is about. */
export type Target = Pick<URL, 'pathname' | 'search' | 'searchParams'>

/** No query, and a path that stays as it is, but for segments of dots. */
const PLAIN = /^https?:\/\/[\w.:-]+(\/[\w/.:@~-]*)$/
const NO_PARAMETERS = new URLSearchParams()

/** Throws NAME_INVALID. Most targets are plain, and a URL for each of them took 2 µs of a request. */
export function parseTarget(text: string): Target {
  const pathname = PLAIN.exec(text)?.[1]
  if (pathname === undefined || pathname.includes('/.')) return parseUrl(text)
  return { pathname, search: '', searchParams: NO_PARAMETERS }
}

/** With a bad or missing Host header Bun hands over the raw target, which the fixed base makes a URL of, if anything can. */
export function parseUrl(text: string): URL {
  try {
    return new URL(text, 'http://invalid')
  } catch (cause) {
    throw new RegistryError('NAME_INVALID', { message: 'The request target is not a valid path.', cause })
  }
}
