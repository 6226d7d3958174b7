import type { AskedRequest } from '../../observe/actor.ts'
import type { IncomingRequest } from '../pipeline.ts'
import { originOf } from './origin.ts'

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
