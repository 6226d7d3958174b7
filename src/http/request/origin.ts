import type { Forwarded } from '../pipeline.ts'
import { parseUrl } from './target.ts'

/** The scheme and host that a trusted proxy names, else those of the request. `assumed`: the scheme where no proxy names one. */
export function originOf(request: Request, forwarded: Forwarded | undefined, assumed?: 'https'): string {
  const url = parseUrl(request.url)
  const scheme = forwarded?.scheme ?? assumed ?? url.protocol.slice(0, -1)
  return `${scheme}://${forwarded?.host ?? url.host}`
}
