import { callerName } from '../access/access.ts'
import type { TokenIssuer } from '../access/own-tokens/token-issuer.ts'
import type { AskedRequest } from '../observe/actor.ts'
import type { HandlerName } from '../observe/exchange.ts'
import { RegistryError } from '../oci/errors.ts'
import { StillNamed } from '../registry/content/still-named.ts'
import type { StorageGate } from '../registry/storage-gate.ts'
import { type AdmissionRules, type Login, logIn, requireAdmission, requireNoOtherSite, wanting } from './admission.ts'
import { OutOfRotation, Refusal } from './answer/error-response.ts'
import { TOKEN_PATH } from './answer/links.ts'
import { emptyResponse, type PlainResponse } from './answer/responses.ts'
import type { ServedRegistry } from './call.ts'
import type { Endpoint } from './endpoint.ts'
import { endpointsOf } from './endpoints.ts'
import { deleteRefused } from './forced-delete.ts'
import { askForToken } from './handlers/token.ts'
import type { MeantRoute, MirroredRoutes } from './mirrored-routes.ts'
import { findPageRoute, isOfPage, type PageRoute } from './page/page-routes.ts'
import { failureScreen } from './page/screens/failure.ts'
import type { Failure, Find, Found, Identified, IncomingRequest } from './pipeline.ts'
import type { Probes } from './probes.ts'
import { requireOwnSite } from './request/own-site.ts'
import { isOfApi, type RememberedRoutes, type Route } from './routes.ts'

export interface DispatchRules extends AdmissionRules {
  /** '' or a path without the slash at its end. */
  readonly prefix: string
  readonly routes: RememberedRoutes
  /** Browsers get the page. */
  readonly hasPage: boolean
  readonly readOnly: boolean
  readonly deletesEnabled: boolean
  /** Set where this registry is a cache: the address of the registry that it fetches from. Clients cannot push or delete then. */
  readonly upstream?: string | undefined
  /** Set where repositories below prefixes are those of other registries. */
  readonly mirrored?: MirroredRoutes | undefined
  /** What gives tokens at /v2/token; undefined: there is no such endpoint. */
  readonly issuer: TokenIssuer | undefined
  readonly probes: Pick<Probes, 'health'>
  /** What events tell of a request; undefined: there are no events. */
  readonly tellsOf?: ((incoming: IncomingRequest) => AskedRequest) | undefined
  /** Pulls have events, too. */
  readonly tellsOfPulls: boolean
  /** Closed while the storage is not there; undefined: it is not looked at. */
  readonly gate: Pick<StorageGate, 'require' | 'requireNow'> | undefined
}

/** What registry:2's metrics call it. */
const HANDLER_NAMES: Readonly<Record<Exclude<Route, PageRoute>['resource'], HandlerName>> = {
  'api-account': 'api',
  'api-activity': 'api',
  'api-collection': 'api',
  'api-compare': 'api',
  'api-deleted': 'api',
  'api-deletion': 'api',
  'api-deployment-host': 'api',
  'api-deployments': 'api',
  'api-description': 'api',
  'api-difference': 'api',
  'api-events': 'api',
  'api-file': 'api',
  'api-files': 'api',
  'api-found-files': 'api',
  'api-found-packages': 'api',
  'api-group': 'api',
  'api-groups': 'api',
  'api-history': 'api',
  'api-image': 'api',
  'api-inside': 'api',
  'api-member': 'api',
  'api-openapi': 'api',
  'api-packages': 'api',
  'api-password': 'api',
  'api-pattern': 'api',
  'api-permissions': 'api',
  'api-progress': 'api',
  'api-quotas': 'api',
  'api-repositories': 'api',
  'api-repository': 'api',
  'api-restore': 'api',
  'api-retention': 'api',
  'api-robot': 'api',
  'api-robots': 'api',
  'api-rules': 'api',
  'api-sbom': 'api',
  'api-star': 'api',
  'api-storage': 'api',
  'api-tags': 'api',
  'api-undelete': 'api',
  'api-user': 'api',
  'api-users': 'api',
  'api-webhook': 'api',
  'api-webhook-deliveries': 'api',
  'api-webhook-replay': 'api',
  'api-webhook-test': 'api',
  'api-webhooks': 'api',
  'api-whole-storage': 'api',
  base: 'base',
  blob: 'blob',
  catalog: 'catalog',
  manifest: 'manifest',
  referrers: 'referrers',
  root: 'root',
  search: 'search',
  'search-ping': 'search',
  tags: 'tags',
  upload: 'blob_upload_chunk',
  uploads: 'blob_upload',
}

const READ_ONLY =
  'The registry is read-only for maintenance; its operator can end that with storage.maintenance.readonly.enabled.'

/** What finds the way of each request through the API of a registry. */
export function findIn(registry: ServedRegistry, rules: DispatchRules): Find {
  return (incoming) => find(registry, rules, incoming)
}

function find(registry: ServedRegistry, rules: DispatchRules, incoming: IncomingRequest): Found {
  const { request, url } = incoming
  const { issuer, prefix, mirrored } = rules
  if (issuer !== undefined && url.pathname === `${prefix}${TOKEN_PATH}`) {
    return { handler: 'token', identify: () => identifyForToken(issuer, rules, incoming) }
  }
  const found = rules.routes.find(request.method, url)
  const page = rules.hasPage && isForPage(found) ? findPageRoute(request, url, prefix) : undefined
  const route = page ?? found
  if (route === undefined) {
    throw new RegistryError('NAME_UNKNOWN', {
      message: 'There is nothing at this path; the registry API begins at /v2/, that of Berth at /api/v1/.',
    })
  }
  const meant = mirrored?.meant(route)
  const routed = { registry, rules, incoming, route: meant?.route ?? route, namespace: meant?.namespace }
  return {
    handler: isOfPage(route) ? 'page' : HANDLER_NAMES[route.resource],
    identify: () => identify(routed),
    failed: page && ((failure: Failure) => failureScreen({ registry, incoming, route: page }, failure)),
  }
}

/** What is no API: nothing else is asked whether it is about the page. */
function isForPage(found: Route | undefined): boolean {
  return found === undefined || found.resource === 'root'
}

async function identifyForToken(issuer: TokenIssuer, { probes }: DispatchRules, incoming: IncomingRequest): Promise<Identified> {
  if (!probes.health.isHealthy) throw new OutOfRotation()
  return await askForToken(issuer, incoming)
}

interface Routed extends MeantRoute {
  readonly registry: ServedRegistry
  readonly rules: DispatchRules
  readonly incoming: IncomingRequest
}

/** Throws AccessRefusal for wrong credentials, and UNSUPPORTED for a method that the resource does not have. */
async function identify(routed: Routed): Promise<Identified> {
  const { registry, rules, incoming, route } = routed
  const { method } = incoming.request
  if (!rules.probes.health.isHealthy) throw new OutOfRotation()
  rules.gate?.require()
  const endpoints = endpointsOf(route)
  if (method === 'OPTIONS') return { caller: undefined, answer: async () => emptyResponse(200, allow(route, rules)) }
  const endpoint = endpoints[method === 'HEAD' ? 'GET' : method]
  if (endpoint === undefined) {
    throw new Refusal('UNSUPPORTED', { message: `${method} has no meaning here.`, headers: allow(route, rules) })
  }
  const standIn = rules.mirrored?.standInOf(route, method)
  const { action } = endpoint
  const login = await logIn(rules, incoming, { route, action, standIn })
  if (isOfApi(route)) requireNoOtherSite(rules, incoming, login)
  const { permit } = login
  const caller = callerName(permit.caller)
  if (standIn === undefined) return { caller, answer: () => answer(routed, endpoint, login) }
  return {
    caller,
    answer: async () => {
      const placed = await rules.mirrored?.placed(route, { action, standIn, permit, repositories: registry.catalog })
      return await answer({ ...routed, route: placed ?? route }, endpoint, wanting(login, placed ?? route, action))
    },
  }
}

/** Throws AccessRefusal, UNSUPPORTED for what is not done in this registry, and what the handler throws. */
async function answer(
  { registry, rules, incoming, route, namespace }: Routed,
  endpoint: Endpoint<Route>,
  login: Login,
): Promise<PlainResponse> {
  requireAdmission(login, route)
  const obstacle = obstacleTo(endpoint, route, rules)
  if (obstacle !== undefined) {
    throw new Refusal('UNSUPPORTED', { message: obstacle, headers: allow(route, rules) })
  }
  const { request, connection, requestId } = incoming
  if (request.method === 'POST' && isOfPage(route)) requireOwnSite({ request, connection, publicOrigin: rules.publicOrigin })
  if (endpoint.duringHandover !== true) await registry.handover?.wait()
  try {
    const { permit } = login
    const name = callerName(permit.caller)
    const isTold = rules.tellsOfPulls || (request.method !== 'GET' && request.method !== 'HEAD')
    const actor = { name, address: connection.client, requestId, request: isTold ? rules.tellsOf?.(incoming) : undefined }
    const permitAgain = async () => {
      const again = await logIn(rules, incoming, { route, action: endpoint.action, standIn: undefined })
      requireAdmission(again, route)
      return again.permit
    }
    const does = (what: Done) => obstacleTo(what, route, rules) === undefined
    const answer = await endpoint.answer({ request, route, permit, permitAgain, actor, connection, registry, does })
    return namespace === undefined ? answer : { ...answer, headers: { ...answer.headers, 'OCI-Namespace': namespace } }
  } catch (error) {
    // 'Not found' and 'failed' may both mean that the storage has just gone.
    await rules.gate?.requireNow()
    if (!(error instanceof StillNamed)) throw error
    throw deleteRefused(error, allow(route, rules, 'DELETE'))
  }
}

type Done = Pick<Endpoint<Route>, 'action' | 'changesRecords'>

/** What keeps the registry as a whole from doing it, in words for the client. */
function obstacleTo({ action, changesRecords }: Done, route: Route, rules: DispatchRules): string | undefined {
  const { readOnly, deletesEnabled, upstream, mirrored } = rules
  if (changesRecords === true) return readOnly ? READ_ONLY : undefined
  if (upstream !== undefined && (action === 'push' || action === 'delete'))
    return `This registry is a cache of ${upstream}: push and delete there.`
  if (readOnly && (action === 'push' || action === 'delete')) return READ_ONLY
  if (action === 'delete' && !deletesEnabled) {
    return 'Deleting is switched off in this registry; its operator can allow it with storage.delete.enabled.'
  }
  return mirrored?.obstacleTo(action, route)
}

/** `except`: a method that was refused for another reason. */
function allow(route: Route, rules: DispatchRules, except?: string) {
  const methods = Object.entries(endpointsOf(route)).flatMap(([method, endpoint]) => {
    if (endpoint === undefined || method === except || obstacleTo(endpoint, route, rules) !== undefined) return []
    return method === 'GET' ? ['GET', 'HEAD'] : [method]
  })
  return { Allow: methods.join(', ') }
}
