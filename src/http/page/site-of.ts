import { callerName } from '../../access/access.ts'
import type { Call, ServedRegistry } from '../call.ts'
import type { Connection } from '../pipeline.ts'
import { originOf } from '../request/origin.ts'
import type { Route } from '../routes.ts'
import { Site } from './site.ts'

/** What the screens know of the registry and of the browser that sent a request. */
export function siteOf({ registry, request, connection, permit }: Call<Route>): Site {
  return siteFor(registry, { request, connection, caller: callerName(permit.caller) })
}

interface Asking {
  readonly request: Request
  readonly connection: Connection
  readonly caller: string | undefined
}

/** The same for a request that was not let in. */
export function siteFor(
  { paths, publicOrigin, signIn, administration }: Pick<ServedRegistry, 'paths' | 'publicOrigin' | 'signIn' | 'administration'>,
  { request, connection, caller }: Asking,
): Site {
  const origin = publicOrigin ?? originOf(request, connection.forwarded)
  return new Site({ root: paths.root, origin, signIn, caller, hasAccounts: administration !== undefined })
}
