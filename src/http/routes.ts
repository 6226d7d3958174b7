import { type Digest, parseDigest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { parseRepositoryName, type RepositoryName } from '../oci/name.ts'
import { findTag, parseReference, type Reference } from '../oci/reference.ts'
import { type ApiRoute, findApiRoute } from './api/routes.ts'
import type { PageRoute } from './page/page-routes.ts'
import type { Target } from './request/target.ts'

export type Route =
  | RootRoute
  | BaseRoute
  | CatalogRoute
  | TagsRoute
  | ManifestRoute
  | ReferrersRoute
  | BlobRoute
  | UploadsRoute
  | UploadRoute
  | SearchPingRoute
  | SearchRoute
  | ApiRoute
  | PageRoute

/** `/`, outside the API: an answer for load balancers. */
export interface RootRoute {
  readonly resource: 'root'
}

/** `/v2/` */
export interface BaseRoute {
  readonly resource: 'base'
}

/** `/v2/_catalog` */
export interface CatalogRoute {
  readonly resource: 'catalog'
  readonly query: URLSearchParams
}

/** `/v2/<name>/tags/list` */
export interface TagsRoute {
  readonly resource: 'tags'
  readonly repository: RepositoryName
  readonly query: URLSearchParams
}

/** `/v2/<name>/manifests/<tag-or-digest>` */
export interface ManifestRoute {
  readonly resource: 'manifest'
  readonly repository: RepositoryName
  readonly reference: Reference
  readonly query: URLSearchParams
}

/** `/v2/<name>/referrers/<digest>` */
export interface ReferrersRoute {
  readonly resource: 'referrers'
  readonly repository: RepositoryName
  readonly subject: Digest
  readonly query: URLSearchParams
}

/** `/v2/<name>/blobs/<digest>` */
export interface BlobRoute {
  readonly resource: 'blob'
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly query: URLSearchParams
}

/** `/v2/<name>/blobs/uploads/` */
export interface UploadsRoute {
  readonly resource: 'uploads'
  readonly repository: RepositoryName
  readonly query: URLSearchParams
}

/** `/v2/<name>/blobs/uploads/<id>`: what the spec calls `<blob-push-location>`. */
export interface UploadRoute {
  readonly resource: 'upload'
  readonly repository: RepositoryName
  readonly uploadId: string
  readonly query: URLSearchParams
}

/** `/v1/_ping`: what Docker asks before it searches. */
export interface SearchPingRoute {
  readonly resource: 'search-ping'
}

/** `/v1/search`: all that Docker and podman still ask of the first registry API. */
export interface SearchRoute {
  readonly resource: 'search'
  readonly query: URLSearchParams
}

const MOST_ROUTES = 2000
/** Clients choose the paths: longer ones are taken apart each time. */
const LONGEST_PATH = 256

/**
 * The routes of the paths of pulls. Hosts ask for the same tags and blobs again and again, and to take a path apart was a twelfth of what a
 * manifest by tag cost.
 */
export class RememberedRoutes {
  readonly #prefix: string
  readonly #pulls = new Map<string, Route>()

  /** `prefix`: as `findRoute` takes it. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** As `findRoute`. */
  find(method: string, url: Target): Route | undefined {
    const isPull = (method === 'GET' || method === 'HEAD') && url.search === ''
    if (!isPull) return findRoute(method, url, this.#prefix)
    const known = this.#pulls.get(url.pathname)
    if (known !== undefined) return known
    const route = findRoute(method, url, this.#prefix)
    if (route?.resource === 'manifest' || route?.resource === 'blob') this.#remember(url.pathname, route)
    return route
  }

  /** When the room is used up it begins anew. */
  #remember(path: string, route: Route): void {
    if (path.length > LONGEST_PATH) return
    if (this.#pulls.size >= MOST_ROUTES) this.#pulls.clear()
    this.#pulls.set(path, route)
  }
}

/**
 * What a request is about, or undefined when nothing is at its path. `prefix` is '' or a path without the slash at its end. Throws
 * NAME_INVALID, DIGEST_INVALID, MANIFEST_INVALID, MANIFEST_UNKNOWN and BLOB_UPLOAD_UNKNOWN for parts that cannot be right.
 */
export function findRoute(method: string, url: Target, prefix: string): Route | undefined {
  if (url.pathname === '/') return { resource: 'root' }
  if (!url.pathname.startsWith(`${prefix}/`)) return undefined
  const [version, ...segments] = segmentsOf(url.pathname.slice(prefix.length))
  if (version === 'api') return findApiRoute(segments, url.searchParams)
  if (version === 'v1') return findSearchRoute(segments, url.searchParams)
  if (version !== 'v2') return undefined
  if (segments.length === 0) return { resource: 'base' }
  if (segments.length === 1 && segments[0] === '_catalog') return { resource: 'catalog', query: url.searchParams }
  return findRepositoryRoute(method, segments, url.searchParams)
}

export function isOfApi(route: Route): route is ApiRoute {
  return route.resource.startsWith('api-')
}

function findSearchRoute([word, ...rest]: readonly string[], query: URLSearchParams): Route | undefined {
  if (rest.length > 0) return undefined
  if (word === '_ping') return { resource: 'search-ping' }
  return word === 'search' ? { resource: 'search', query } : undefined
}

/** A name may itself contain `blobs`, `manifests`, `tags`: what stands at the right end counts, as in registry:2. */
function findRepositoryRoute(method: string, segments: readonly string[], query: URLSearchParams): Route | undefined {
  const [third, second, last] = [segments.at(-3), segments.at(-2) ?? '', segments.at(-1) ?? '']
  if (second === 'tags' && last === 'list') return within(segments, 2, (repository) => ({ resource: 'tags', repository, query }))
  if (second === 'blobs' && last === 'uploads') {
    return within(segments, 2, (repository) => ({ resource: 'uploads', repository, query }))
  }
  if (third === 'blobs' && second === 'uploads') {
    return within(segments, 3, (repository) => ({ resource: 'upload', repository, uploadId: parseUploadId(last), query }))
  }
  switch (second) {
    case 'manifests':
      return within(segments, 2, (repository) => {
        return { resource: 'manifest', repository, reference: referenceFor(method, last), query }
      })
    case 'blobs':
      return within(segments, 2, (repository) => ({ resource: 'blob', repository, digest: parseDigest(last), query }))
    case 'referrers':
      return within(segments, 2, (repository) => ({ resource: 'referrers', repository, subject: parseDigest(last), query }))
    default:
      return undefined
  }
}

/** The route in the repository that the segments before the last `count` name; none when nothing is left for a name. */
function within(segments: readonly string[], count: number, route: (repository: RepositoryName) => Route): Route | undefined {
  return segments.length > count ? route(parseRepositoryName(segments.slice(0, -count).join('/'))) : undefined
}

/**
 * Decoded once. Empty segments are dropped where registry:2 redirects to the cleaned path: clients lose the body of a POST on a 301,
 * and some leave out the slash after `blobs/uploads`.
 */
function segmentsOf(path: string): readonly string[] {
  try {
    const segments = path.split('/').filter((segment) => segment !== '')
    return path.includes('%') ? segments.map(decodeURIComponent) : segments
  } catch (cause) {
    throw new RegistryError('NAME_INVALID', { message: 'The path is not valid percent-encoded UTF-8.', cause })
  }
}

/** What can never be a tag is unknown to a pull or a DELETE (end-3, end-9: 404); a push to it is told why (end-7a). */
function referenceFor(method: string, text: string): Reference {
  if (method === 'PUT' || text.includes(':')) return parseReference(text)
  const tag = findTag(text)
  if (tag !== undefined) return tag
  throw new RegistryError('MANIFEST_UNKNOWN', { detail: { tag: text.slice(0, 200) } })
}

/** Any text of this shape may be one, of ours or of another registry; the sessions know which are. */
function parseUploadId(text: string): string {
  if (/^[A-Za-z0-9._=-]{1,200}$/.test(text)) return text
  throw new RegistryError('BLOB_UPLOAD_UNKNOWN', { detail: { uploadId: text.slice(0, 200) } })
}
