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
 * For what a browser brings by itself, a cookie above all. Browsers say where a form or a request comes from, and no page can make them say something
 * else: in Sec-Fetch-Site, which they send over HTTPS, and in Origin. A request that says nothing is no browser's, and has no business here. Throws DENIED.
 */
export function requireOwnSite(asking: AskingSite): void {
  if (!(siteOf(asking) ?? false)) throw fromAnotherSite()
}

/**
 * For a change that no cookie asks for: a browser may bring a remembered password, or reach a registry that asks for none. Only what says that it comes from
 * another site is refused; a token in `Authorization: Bearer` no browser brings by itself. Throws DENIED.
 */
export function refuseOtherSite(asking: AskingSite): void {
  const isBearer = /^bearer /i.test(asking.request.headers.get('authorization') ?? '')
  if (!isBearer && siteOf(asking) === false) throw fromAnotherSite()
}

/** Whether it comes from this registry's own page; undefined where it does not say. */
function siteOf({ request, connection, publicOrigin }: AskingSite): boolean | undefined {
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
