import { RegistryError } from '../../oci/errors.ts'
import type { Connection } from '../pipeline.ts'
import { originOf } from './origin.ts'

export interface AskingSite {
  readonly request: Request
  readonly connection: Connection
  /** Scheme and host under which clients see the registry; undefined: as they say themselves. */
  readonly publicOrigin: string | undefined
}

/**
 * For a change that a cookie authorises, which a browser sends by itself. A browser says which site a form or a script's request comes from, in
 * Sec-Fetch-Site (over HTTPS) and in Origin, and no page can change either. A request with neither is not a browser's and is refused too. Throws DENIED.
 */
export function requireOwnSite(asking: AskingSite): void {
  if (!(isFromOwnSite(asking) ?? false)) throw fromAnotherSite()
}

/**
 * For a change that no cookie authorises: a browser may still send a remembered password, or reach a registry without logins. A request is refused when
 * it says that it comes from another site; one with `Authorization: Bearer` is not, since no browser adds that header by itself. Throws DENIED.
 */
export function refuseOtherSite(asking: AskingSite): void {
  const isBearer = /^bearer /i.test(asking.request.headers.get('authorization') ?? '')
  if (!isBearer && isFromOwnSite(asking) === false) throw fromAnotherSite()
}

/** Whether the request comes from this registry's own page; undefined where it does not say. */
function isFromOwnSite({ request, connection, publicOrigin }: AskingSite): boolean | undefined {
  const { headers } = request
  const from = headers.get('sec-fetch-site')
  if (from !== null) return from === 'same-origin'
  const origin = headers.get('origin')
  if (origin === null) return undefined
  return origin === publicOrigin || origin === originOf(request, connection.forwarded)
}

function fromAnotherSite(): RegistryError {
  return new RegistryError('DENIED', {
    message:
      'The request came from another site, or through a proxy that does not say which host you asked; open this page again and send it from there.',
  })
}
