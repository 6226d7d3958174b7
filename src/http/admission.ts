import {
  type AccessController,
  AccessRefusal,
  type AccessRequest,
  type Action,
  OPEN_PERMIT,
  type Permit,
  type Wanted,
} from '../access/access.ts'
import { requireAccess } from '../access/requirement.ts'
import type { SignIn } from '../access/sessions.ts'
import type { RegistryError } from '../oci/errors.ts'
import { findRepositoryName, type RepositoryName } from '../oci/name.ts'
import { blobUnknown, manifestUnknown, nameUnknown } from '../oci/unknown.ts'
import { HiddenAnswer } from './answer/error-response.ts'
import { emptyReferrers } from './handlers/referrers.ts'
import { isOfPage } from './page/page-routes.ts'
import { sessionIn } from './page/session-cookie.ts'
import type { IncomingRequest } from './pipeline.ts'
import { originOf } from './request/origin.ts'
import { refuseOtherSite, requireOwnSite } from './request/own-site.ts'
import { isOfApi, type Route } from './routes.ts'

export interface AdmissionRules {
  /** Undefined: every caller may do everything. */
  readonly access: AccessController | undefined
  /** How people sign in at the page. */
  readonly signIn: SignIn
  /** Scheme and host under which clients see the registry; undefined: as they say themselves. */
  readonly publicOrigin: string | undefined
  /** What stands before `/v2/` for clients: '' or a path without the slash at its end. */
  readonly root: string
}

/** A caller, as far as it is known, and what it asks for. */
export interface Login {
  readonly permit: Permit
  /** Undefined where nothing is asked of callers. */
  readonly request: AccessRequest | undefined
  /** A cookie has proven the name. */
  readonly hasSession?: true
}

/** What a request asks for. */
export interface Asked {
  readonly route: Route
  readonly action: Action
  /** What it may mean in the default mirror. */
  readonly standIn: RepositoryName | undefined
}

/** Where nothing is asked of callers. */
const OPEN_LOGIN: Login = { permit: OPEN_PERMIT, request: undefined }

/** Finds the caller that the credentials of a request name; at once where nothing is asked of callers. Throws AccessRefusal for wrong credentials. */
export function logIn(rules: AdmissionRules, incoming: IncomingRequest, asked: Asked): Login | Promise<Login> {
  const { access } = rules
  if (access === undefined || OPEN.includes(asked.route.resource)) return OPEN_LOGIN
  return askFor(access, rules, incoming, asked)
}

async function askFor(
  access: AccessController,
  rules: AdmissionRules,
  { request, connection }: IncomingRequest,
  { route, action, standIn }: Asked,
): Promise<Login> {
  const { publicOrigin } = rules
  const accessRequest = {
    authorization: request.headers.get('authorization') ?? undefined,
    client: connection.client,
    proxy: connection.proxy,
    wanted: wantedOf(route, action, { standIn, headers: request.headers }),
    origin: (assumed?: 'https') => publicOrigin ?? originOf(request, connection.forwarded, assumed),
  }
  const signedIn = isOfPage(route) || isOfApi(route) ? await sessionPermit(rules, request, accessRequest.origin()) : undefined
  if (signedIn !== undefined) return { permit: signedIn, request: accessRequest, hasSession: true }
  return { permit: await access.permit(accessRequest), request: accessRequest }
}

/** Throws DENIED for a change at /api/v1 that another site asks a browser for: a session's cookie, or nothing at all, may be all that it takes. */
export function requireNoOtherSite(
  { publicOrigin }: AdmissionRules,
  { request, connection }: IncomingRequest,
  login: Login,
): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  const asking = { request, connection, publicOrigin }
  if (login.hasSession === true) requireOwnSite(asking)
  else refuseOtherSite(asking)
}

/** Load balancers look at `/` without a password, and Docker at `/v1/_ping`. What is on the page before a login tells nothing of what is here. */
const OPEN: readonly Route['resource'][] = [
  ...(['root', 'search-ping', 'page-asset', 'page-sign-in', 'page-sign-out', 'page-nowhere'] as const),
]

/** That of the session, where the request brings no other credentials; undefined where there is none, or it has ended. */
async function sessionPermit(
  { signIn, root }: AdmissionRules,
  { headers }: Request,
  origin: string,
): Promise<Permit | undefined> {
  if (signIn.kind !== 'password' || headers.has('authorization')) return undefined
  const token = sessionIn(headers, { origin, home: `${root}/` })
  return token === undefined ? undefined : await signIn.sessions.permit(token)
}

/** The login of the same caller, for another route and action. */
export function wanting(login: Login, route: Route, action: Action): Login {
  return { ...login, request: login.request && { ...login.request, wanted: wantedOf(route, action, {}) } }
}

/** Throws AccessRefusal for what the caller may not do. */
export function requireAdmission({ permit, request }: Login, route: Route): void {
  if (request !== undefined) requireAccess(permit, request, (reason) => hiddenAs(route, reason))
}

/**
 * What is said of a thing in a repository that the caller may not see: the same as where there is no such repository. A rule that names
 * one alone would otherwise tell of it.
 */
function hiddenAs(route: Route, reason: string): AccessRefusal {
  switch (route.resource) {
    case 'referrers':
      return new HiddenAnswer(emptyReferrers(route), { reason })
    case 'manifest':
    case 'page-image':
    case 'page-content':
    case 'page-history':
      return refusalLike(manifestUnknown(route.reference), reason)
    case 'blob':
      return refusalLike(blobUnknown(route.digest), reason)
    case 'tags':
    case 'page-repository':
    case 'page-star':
    case 'page-comparison':
    case 'page-space':
    case 'page-inside':
    case 'page-files':
      return refusalLike(nameUnknown(route.repository), reason)
    default:
      if (isOfApi(route) && 'repository' in route) return refusalLike(nameUnknown(route.repository), reason)
      return new AccessRefusal('DENIED', { reason })
  }
}

function refusalLike({ code, message, detail }: RegistryError, reason: string): AccessRefusal {
  return new AccessRefusal(code, { message, detail, reason })
}

function wantedOf(
  route: Route,
  action: Action,
  { standIn, headers }: { readonly standIn?: RepositoryName | undefined; readonly headers?: Headers },
): Wanted {
  switch (route.resource) {
    case 'root':
    case 'search-ping':
    case 'base':
    case 'api-openapi':
    case 'page-asset':
    case 'page-nowhere':
    case 'page-sign-in':
    case 'page-sign-out':
      return { kind: 'base' }
    case 'catalog':
    case 'api-repositories':
    case 'page-repositories':
    case 'page-activity':
    case 'page-storage':
    case 'api-activity':
    case 'api-collection':
    case 'api-whole-storage':
    case 'api-found-files':
    case 'api-found-packages':
    case 'api-progress':
      return { kind: 'catalog' }
    case 'api-deployments':
    case 'page-deployments':
    case 'api-deployment-host':
    case 'api-events':
      return { kind: 'catalog', orPulls: true }
    case 'api-pattern':
      return { kind: 'catalog', orPulls: true, deletes: true }
    case 'api-account':
    case 'api-permissions':
      return { kind: 'accounts', right: 'none' }
    case 'api-robots':
    case 'api-robot':
    case 'page-account':
    case 'page-rules':
      return { kind: 'accounts', right: 'own' }
    case 'api-rules':
    case 'api-users':
    case 'api-user':
    case 'api-password':
    case 'api-groups':
    case 'api-group':
    case 'api-member':
    case 'api-webhooks':
    case 'api-webhook':
    case 'api-webhook-test':
    case 'api-webhook-deliveries':
    case 'api-webhook-replay':
    case 'page-users':
    case 'page-groups':
    case 'page-webhooks':
      return { kind: 'accounts', right: 'all' }
    case 'search':
      return { kind: 'catalog', needsName: speaksSecondApi(headers) }
    default:
      return wantedInRepository(route, action, standIn)
  }
}

function wantedInRepository(
  route: Extract<Route, { readonly repository: RepositoryName }>,
  action: Action,
  standIn: RepositoryName | undefined,
): Wanted {
  const { repository } = route
  const mountFrom = route.resource === 'uploads' ? mountSource(route.query) : undefined
  const uploadId = route.resource === 'upload' ? route.uploadId : undefined
  return { kind: 'repository', repository, action, mountFrom, uploadId, standIn }
}

/** podman never logs in to search, and where it is refused it searches the catalog, with its login. Docker logs in, and does not say this. */
function speaksSecondApi(headers: Headers | undefined): boolean {
  return headers?.get('docker-distribution-api-version') === 'registry/2.0'
}

function mountSource(query: URLSearchParams) {
  const from = query.get('from')
  return from === null || !query.has('mount') ? undefined : findRepositoryName(from)
}
