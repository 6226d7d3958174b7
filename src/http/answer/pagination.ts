import { RegistryError } from '../../oci/errors.ts'

/**
 * How many entries `n` asks for, at most `max`; undefined when there is no `n`. A larger one is cut, and the Link leads on: registry:3
 * went back from refusing it. Throws PAGINATION_NUMBER_INVALID.
 */
export function requestedCount(query: URLSearchParams, max: number): number | undefined {
  const text = query.get('n') ?? ''
  if (text === '') return undefined
  if (/^\d+$/.test(text)) return Math.min(Number(text), max)
  throw new RegistryError('PAGINATION_NUMBER_INVALID', { detail: { n: text.slice(0, 100) } })
}

/** The entry after which the page begins; undefined: at the first. */
export function lastEntry(query: URLSearchParams): string | undefined {
  return query.get('last') || undefined
}
