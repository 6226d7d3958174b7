import { RegistryError } from '../../oci/errors.ts'

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

const SCHEME_AND_AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i

/**
 * The URL of a request from the target in its first line. Whatever Host says, the path is that of the target, as it stands there: an
 * absolute target gives its own (RFC 9112 section 3.2.2), and a backslash stays one.
 */
export function urlOfTarget(target: string, { scheme, host }: { readonly scheme: string; readonly host: string | undefined }) {
  const path = target.replace(SCHEME_AND_AUTHORITY, '').replaceAll('\\', '%5C')
  const authority = host !== undefined && isHost(host) ? host : 'invalid'
  return `${scheme}://${authority}${path.startsWith('/') ? path : `/${path}`}`
}

const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/
const LAST_PORT = 65_535

/** A name or an address, with a port or without. */
export function isHost(text: string): boolean {
  const match = HOST.exec(text)
  return match !== null && Number(match[1] ?? 0) <= LAST_PORT
}

/** Throws NAME_INVALID for a Host that is none; without one, or with an empty one, the request is fine (HTTP/1.0). */
export function requireHost(headers: Headers): void {
  const host = headers.get('host')
  if (host === null || host === '' || isHost(host)) return
  throw new RegistryError('NAME_INVALID', {
    message: 'The Host header is not one host; send the name or address of the registry, and its port where it needs one.',
    detail: { host: host.slice(0, 200) },
  })
}
