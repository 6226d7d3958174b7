import type { Action, Permit } from '../access/access.ts'
import { isAllowed } from '../access/requirement.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { MirrorNames } from '../registry/mirror/mirror-names.ts'
import type { ListedRepositories } from './call.ts'
import type { Route } from './routes.ts'

/** A route to the repository that a client means. */
export interface MeantRoute {
  readonly route: Route
  /** The `ns` that says so (distribution-spec "Proxying"); undefined where it counts for nothing. */
  readonly namespace: string | undefined
}

type RepositoryRoute = Extract<Route, { readonly repository: RepositoryName }>

interface Asking {
  readonly action: Action
  /** From `standInOf`. */
  readonly standIn: RepositoryName
  readonly permit: Permit
  readonly repositories: ListedRepositories
}

/** The routes of a registry in which the repositories below some prefixes are those of other registries. */
export class MirroredRoutes {
  readonly #names: MirrorNames

  constructor(names: MirrorNames) {
    this.#names = names
  }

  /**
   * `ns` names the registry whose repository is meant, and Docker Hub's own images have names that leave `library/` out. What is meant is found
   * before anything is allowed. Throws NAME_INVALID.
   */
  meant(route: Route): MeantRoute {
    if (!isOfRepository(route)) return { route, namespace: undefined }
    const { repository, query } = route
    const namespace = this.#names.ownerOf(repository) === undefined ? query.get('ns') : null
    const meant = namespace === null ? undefined : this.#names.inNamespace(namespace, repository)
    if (namespace !== null && meant !== undefined) return { route: { ...route, repository: meant }, namespace }
    const complete = this.#names.complete(repository)
    return { route: complete === repository ? route : { ...route, repository: complete }, namespace: undefined }
  }

  /**
   * The name in the default mirror that a pull may mean; undefined where it can mean none. A client that says with `ns` which other registry it
   * means gets nothing of this one. A HEAD of a blob is about a repository here: a client that pushes asks by it whether to upload.
   */
  standInOf(route: Route, method: string): RepositoryName | undefined {
    if (!this.#names.hasDefault || !isOfRepository(route) || route.query.has('ns') || !isPull(route, method)) return undefined
    return this.#names.inDefault(route.repository)
  }

  /** A repository here comes first, for a caller that may see it: for any other it is as if there were none. */
  async placed(route: Route, { action, standIn, permit, repositories }: Asking): Promise<Route> {
    if (!isOfRepository(route)) return route
    const { repository } = route
    const isHere = isAllowed(permit, action, repository) && (await repositories.hasContent(repository))
    return isHere ? route : { ...route, repository: standIn }
  }

  /** Why nothing is pushed to a name, in words for the client; undefined where something may be. */
  obstacleTo(action: Action, route: Route): string | undefined {
    const mirror = action === 'push' && isPushed(route) ? this.#names.ownerOf(route.repository) : undefined
    if (mirror === undefined) return undefined
    return `What is below ${mirror.prefix}/ is a mirror of ${mirror.urls.join(' and ')}: push there, or to a name outside of it.`
  }
}

function isOfRepository(route: Route): route is RepositoryRoute {
  return 'repository' in route
}

function isPull({ resource }: RepositoryRoute, method: string): boolean {
  switch (resource) {
    case 'manifest':
    case 'tags':
    case 'referrers':
      return method === 'GET' || method === 'HEAD'
    case 'blob':
      return method === 'GET'
    default:
      return false
  }
}

function isPushed(route: Route): route is RepositoryRoute {
  return route.resource === 'manifest' || route.resource === 'uploads' || route.resource === 'upload'
}
