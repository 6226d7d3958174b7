import { parseRepositoryName, type RepositoryName } from '../../oci/name.ts'
import { HOST } from '../../registry/deployments/deployment-record.ts'
import { type AccountsRoute, findAccountsRoute } from './accounts/routes.ts'
import { invalid } from './parameters.ts'
import { findWebhooksRoute, type WebhooksRoute } from './webhooks/routes.ts'

export type ApiRoute =
  | OpenApiRoute
  | RepositoriesRoute
  | ActivityRoute
  | ProgressRoute
  | EventsRoute
  | FoundInsideRoute
  | DeploymentsRoute
  | DeploymentHostRoute
  | PatternRoute
  | CollectionRoute
  | WholeStorageRoute
  | AccountsRoute
  | WebhooksRoute
  | ContentRoute

/** `/api/v1/openapi.json` */
export interface OpenApiRoute {
  readonly resource: 'api-openapi'
}

/** `/api/v1/repositories` */
export interface RepositoriesRoute {
  readonly resource: 'api-repositories'
  readonly query: URLSearchParams
}

/** `/api/v1/activity` */
export interface ActivityRoute {
  readonly resource: 'api-activity'
  readonly query: URLSearchParams
}

/** `/api/v1/packages` and `/api/v1/files` */
export interface FoundInsideRoute {
  readonly resource: 'api-found-packages' | 'api-found-files'
  readonly query: URLSearchParams
}

/** `/api/v1/deployments` */
export interface DeploymentsRoute {
  readonly resource: 'api-deployments'
  readonly query: URLSearchParams
}

/** `/api/v1/deployments/<host>` */
export interface DeploymentHostRoute {
  readonly resource: 'api-deployment-host'
  readonly host: string
  readonly query: URLSearchParams
}

/** `/api/v1/deletion`: of all repositories that a pattern means. */
export interface PatternRoute {
  readonly resource: 'api-pattern'
  readonly query: URLSearchParams
}

/** `/api/v1/collection` */
export interface CollectionRoute {
  readonly resource: 'api-collection'
  readonly query: URLSearchParams
}

/** `/api/v1/storage`: of all repositories. */
export interface WholeStorageRoute {
  readonly resource: 'api-whole-storage'
  readonly query: URLSearchParams
}

/** `/api/v1/progress` */
export interface ProgressRoute {
  readonly resource: 'api-progress'
  readonly query: URLSearchParams
}

/** `/api/v1/events` */
export interface EventsRoute {
  readonly resource: 'api-events'
  readonly query: URLSearchParams
}

/** `/api/v1/repositories/<name>/` and one of the words below, or none of them. */
export interface ContentRoute {
  readonly resource:
    | 'api-repository'
    | 'api-star'
    | 'api-description'
    | 'api-storage'
    | 'api-compare'
    | 'api-tags'
    | 'api-image'
    | 'api-deletion'
    | 'api-deleted'
    | 'api-undelete'
    | 'api-history'
    | 'api-restore'
    | 'api-quotas'
    | 'api-retention'
    | 'api-inside'
    | 'api-packages'
    | 'api-files'
    | 'api-file'
    | 'api-difference'
    | 'api-sbom'
  readonly repository: RepositoryName
  readonly query: URLSearchParams
}

const CONTENT: Readonly<Record<string, ContentRoute['resource']>> = {
  // For a repository whose name ends in one of these words.
  repository: 'api-repository',
  star: 'api-star',
  description: 'api-description',
  storage: 'api-storage',
  compare: 'api-compare',
  tags: 'api-tags',
  image: 'api-image',
  deletion: 'api-deletion',
  deleted: 'api-deleted',
  undelete: 'api-undelete',
  history: 'api-history',
  restore: 'api-restore',
  quotas: 'api-quotas',
  retention: 'api-retention',
  inside: 'api-inside',
  packages: 'api-packages',
  files: 'api-files',
  file: 'api-file',
  diff: 'api-difference',
  sbom: 'api-sbom',
}

/** `segments`: what follows `/api`. A name may itself end in one of the words: what stands at the right end counts. Throws NAME_INVALID. */
export function findApiRoute([version, kind, ...rest]: readonly string[], query: URLSearchParams): ApiRoute | undefined {
  if (version !== 'v1') return undefined
  if (kind === 'openapi.json' && rest.length === 0) return { resource: 'api-openapi' }
  if (kind === 'repositories' && rest.length === 0) return { resource: 'api-repositories', query }
  if (kind === 'activity' && rest.length === 0) return { resource: 'api-activity', query }
  if (kind === 'events' && rest.length === 0) return { resource: 'api-events', query }
  if (kind === 'progress' && rest.length === 0) return { resource: 'api-progress', query }
  if (kind === 'collection' && rest.length === 0) return { resource: 'api-collection', query }
  if (kind === 'storage' && rest.length === 0) return { resource: 'api-whole-storage', query }
  if (kind === 'deletion' && rest.length === 0) return { resource: 'api-pattern', query }
  if (kind === 'files' && rest.length === 0) return { resource: 'api-found-files', query }
  if (kind === 'packages' && rest.length === 0) return { resource: 'api-found-packages', query }
  if (kind === 'deployments' && rest.length === 0) return { resource: 'api-deployments', query }
  if (kind === 'deployments' && rest.length === 1)
    return { resource: 'api-deployment-host', host: parseHost(rest[0] ?? ''), query }
  if (kind === 'webhooks') return findWebhooksRoute(rest, query)
  if (kind !== 'repositories') return findAccountsRoute([kind ?? '', ...rest], query)
  const last = rest.at(-1) ?? ''
  const resource = Object.hasOwn(CONTENT, last) && rest.length > 1 ? CONTENT[last] : undefined
  const name = resource === undefined ? rest : rest.slice(0, -1)
  return { resource: resource ?? 'api-repository', repository: parseRepositoryName(name.join('/')), query }
}

/** Throws PARAMETER_INVALID. */
function parseHost(text: string): string {
  if (HOST.test(text)) return text
  throw invalid(`${JSON.stringify(text.slice(0, 130))} is no name of a host; use letters, digits, "_", "." and "-", at most 128`)
}
