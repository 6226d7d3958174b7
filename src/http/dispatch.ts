import type { TokenIssuer } from '../access/own-tokens/token-issuer.ts'
import type { HandlerName } from '../observe/exchange.ts'
import { RegistryError } from '../oci/errors.ts'
import { StillNamed } from '../registry/content/still-named.ts'
import type { StorageGate } from '../registry/storage-gate.ts'
import { type AdmissionRules, admit } from './admission.ts'
import { OutOfRotation, Refusal } from './answer/error-response.ts'
import { TOKEN_PATH } from './answer/links.ts'
import { emptyResponse, type PlainResponse } from './answer/responses.ts'
import type { Registry } from './call.ts'
import { type Endpoint, type Endpoints, endpointsOf } from './endpoints.ts'
import { deleteRefused } from './forced-delete.ts'
import { answerToken } from './handlers/token.ts'
import type { Asked } from './pipeline.ts'
import { findRoute, type Route } from './routes.ts'

export interface DispatchRules extends AdmissionRules {
  /** '' or a path without the slash at its end. */
  readonly prefix: string
  readonly readOnly: boolean
  readonly deletesEnabled: boolean
  /** What gives tokens at /v2/token; undefined: there is no such endpoint. */
  readonly issuer: TokenIssuer | undefined
  /** False while a health check fails. */
  readonly isHealthy: () => boolean
  /** Closed while the storage is not there; undefined: it is not looked at. */
  readonly gate: Pick<StorageGate, 'require' | 'requireNow'> | undefined
}

/** What registry:2's metrics call it. */
const HANDLER_NAMES: Readonly<Record<Route['resource'], HandlerName>> = {
  base: 'base',
  blob: 'blob',
  catalog: 'catalog',
  manifest: 'manifest',
  referrers: 'referrers',
  root: 'root',
  tags: 'tags',
  upload: 'blob_upload_chunk',
  uploads: 'blob_upload',
}

/**
 * Finds the endpoint of a request and has it answered. Throws NAME_UNKNOWN where nothing is, AccessRefusal, UNSUPPORTED for what is not
 * done here.
 */
export async function dispatch(registry: Registry, rules: DispatchRules, asked: Asked): Promise<PlainResponse> {
  const { request, url, routed } = asked
  if (rules.issuer !== undefined && url.pathname === `${rules.prefix}${TOKEN_PATH}`) {
    routed('token')
    if (!rules.isHealthy()) throw new OutOfRotation()
    return await answerToken(rules.issuer, asked)
  }
  const route = findRoute(request.method, url, rules.prefix)
  if (route === undefined) {
    throw new RegistryError('NAME_UNKNOWN', { message: 'There is nothing at this path; the registry API begins at /v2/.' })
  }
  routed(HANDLER_NAMES[route.resource])
  if (!rules.isHealthy()) throw new OutOfRotation()
  rules.gate?.require()
  const endpoints = endpointsOf(route)
  if (request.method === 'OPTIONS') return emptyResponse(200, allow(endpoints, rules))
  const endpoint = endpoints[request.method === 'HEAD' ? 'GET' : request.method]
  if (endpoint === undefined) {
    const message = `${request.method} has no meaning here.`
    throw new Refusal('UNSUPPORTED', { message, headers: allow(endpoints, rules) })
  }
  const permit = await admit(rules, asked, route, endpoint.action)
  const obstacle = obstacleTo(endpoint, rules)
  if (obstacle !== undefined) throw new Refusal('UNSUPPORTED', { message: obstacle, headers: allow(endpoints, rules) })
  if (endpoint.duringTakeover !== true) await registry.takeover?.wait()
  try {
    return await endpoint.answer({ request, route, permit, registry })
  } catch (error) {
    // 'Not found' and 'failed' may both mean that the storage has just gone.
    await rules.gate?.requireNow()
    if (!(error instanceof StillNamed)) throw error
    const { DELETE: _, ...others } = endpoints
    throw deleteRefused(error, allow(others, rules))
  }
}

/** What keeps the registry as a whole from doing it, in words for the client. */
function obstacleTo({ action }: Endpoint<Route>, { readOnly, deletesEnabled }: DispatchRules): string | undefined {
  if (readOnly && (action === 'push' || action === 'delete'))
    return 'The registry is read-only for maintenance; its operator can end that with storage.maintenance.readonly.enabled.'
  if (action === 'delete' && !deletesEnabled) {
    return 'Deleting is switched off in this registry; its operator can allow it with storage.delete.enabled.'
  }
  return undefined
}

function allow(endpoints: Endpoints<Route>, rules: DispatchRules) {
  const methods = Object.entries(endpoints).flatMap(([method, endpoint]) => {
    if (endpoint === undefined || obstacleTo(endpoint, rules) !== undefined) return []
    return method === 'GET' ? ['GET', 'HEAD'] : [method]
  })
  return { Allow: methods.join(', ') }
}
