import type { AskedRequest } from '../../observe/actor.ts'
import type { Forwarded, IncomingRequest } from '../pipeline.ts'
import { parseUrl } from './target.ts'

/** What events tell of a request. `root`: what stands before /v2/ for clients; `publicOrigin`: scheme and host, where those are configured. */
export function askedRequest(
  { request, connection }: Pick<IncomingRequest, 'request' | 'connection'>,
  { publicOrigin, root }: { readonly publicOrigin: string | undefined; readonly root: string },
): AskedRequest {
  const { method, headers } = request
  return {
    method,
    host: headers.get('host') ?? undefined,
    userAgent: headers.get('user-agent') ?? '',
    root: `${publicOrigin ?? originOf(request, connection.forwarded)}${root}`,
  }
}

/** The scheme and host that a trusted proxy names, else those of the request. `assumed`: the scheme where no proxy says one. */
export function originOf(request: Request, forwarded: Forwarded | undefined, assumed?: 'https'): string {
  const url = parseUrl(request.url)
  const scheme = forwarded?.scheme ?? assumed ?? url.protocol.slice(0, -1)
  return `${scheme}://${forwarded?.host ?? url.host}`
}
