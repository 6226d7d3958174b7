import type { AccessController } from '../access/access.ts'
import type { Administration } from '../access/administration/administration.ts'
import type { TokenIssuer } from '../access/own-tokens/token-issuer.ts'
import type { SignIn } from '../access/sessions.ts'
import type { RequestObserver } from '../observe/exchange.ts'
import type { Log } from '../observe/log.ts'
import type { RepositoryGlob } from '../oci/repository-glob.ts'
import type { BlobStore } from '../registry/content/blob-store.ts'
import type { Catalog } from '../registry/content/catalog.ts'
import type { ManifestStore } from '../registry/content/manifest-store.ts'
import type { ContentChanges } from '../registry/deleting/content-changes.ts'
import type { Frees } from '../registry/deleting/frees.ts'
import type { Deployments } from '../registry/deployments/deployments.ts'
import type { AccountEvents } from '../registry/events/account-events.ts'
import type { EventListeners } from '../registry/events/event-listeners.ts'
import type { PullEvents } from '../registry/events/pull-events.ts'
import type { Handover } from '../registry/handover/handover.ts'
import type { Mirrors } from '../registry/mirror/mirrors.ts'
import type { PullNotes } from '../registry/pulls/pull-notes.ts'
import type { Quotas } from '../registry/quotas/quotas.ts'
import type { Remarks } from '../registry/remarks/remarks.ts'
import type { Retention } from '../registry/retention/create-retention.ts'
import type { Images } from '../registry/search/images.ts'
import type { Search } from '../registry/search/search.ts'
import type { Shown } from '../registry/shown/create-shown.ts'
import type { Status } from '../registry/status.ts'
import type { StorageGate } from '../registry/storage-gate.ts'
import type { UploadSessions } from '../registry/uploads/upload-sessions.ts'
import type { ServedWebhooks } from '../registry/webhooks/webhooks.ts'
import { Paths, publicOriginOf, rootPath } from './answer/links.ts'
import { findIn } from './dispatch.ts'
import { MirroredRoutes } from './mirrored-routes.ts'
import { createPipeline, type Handler, type IncomingRequest } from './pipeline.ts'
import { type Probes, withProbes } from './probes.ts'
import { askedRequest } from './request/asked-request.ts'
import { type TrustedProxies, withForwarding } from './request/forwarding.ts'
import { RememberedRoutes } from './routes.ts'

export interface HandlerOptions {
  readonly blobs: BlobStore
  readonly uploads: UploadSessions
  readonly manifests: ManifestStore
  readonly catalog: Catalog
  readonly search: Search
  readonly images: Images
  readonly shown: Shown
  readonly remarks: Remarks
  readonly deployments: Deployments
  /** Users, groups, rules and robots; left out, none are kept here. */
  readonly administration?: Administration | undefined
  /** Left out, changes of accounts are no events. */
  readonly accountEvents?: AccountEvents | undefined
  /** Left out, there are no events. */
  readonly webhooks?: ServedWebhooks | undefined
  /** How far a takeover is, what the collector found, and what there is in all. */
  readonly progress: Pick<Status, 'progress' | 'collector' | 'quotas' | 'space'>
  /** `search.official`; left out, a search calls no repository official. */
  readonly official?: readonly RepositoryGlob[]
  readonly frees: Frees
  readonly changes: ContentChanges
  readonly quotas: Quotas
  readonly retention: Pick<Retention, 'bytesOf' | 'decisionsIn' | 'dryRun'>
  /** Left out, pulls are noted nowhere. */
  readonly pulls?: PullNotes
  /** Left out, pulls have no events. */
  readonly pullEvents?: PullEvents | undefined
  /** Left out, there are no events. */
  readonly listeners?: EventListeners | undefined
  /** Answer pulls with the content of other registries; left out, there are none. */
  readonly mirrors?: Mirrors | undefined
  /** The registry of which this one as a whole is a cache, as clients are told that nothing is pushed here. */
  readonly upstream?: string | undefined
  /** Left out, there is never another database. */
  readonly handover?: Handover
  /** Closed while the storage is not there; left out, the storage is never looked at. */
  readonly gate?: StorageGate | undefined
  /** Decides what a caller may do; left out, every caller may do everything. */
  readonly access?: AccessController | undefined
  /** What the page for browsers is to know; left out, there is no page. */
  readonly page?: { readonly signIn: SignIn } | undefined
  /** Gives tokens; left out, there are none. */
  readonly issuer?: TokenIssuer | undefined
  readonly log: Log
  /** They are told of each request. */
  readonly observers: readonly RequestObserver[]
  readonly probes: Probes
  readonly deletesEnabled: boolean
  readonly readOnly: boolean
  /** `http.prefix`: '' or a path without the slash at its end. */
  readonly prefix: string
  /** `http.host`: the address under which clients see the registry. */
  readonly host: string | undefined
  readonly headers: Readonly<Record<string, readonly string[]>>
  /** The proxies that may say where a request came from; left out, none. */
  readonly trustedProxies?: TrustedProxies
  readonly maxCatalogEntries: number
  readonly maxTags: number
}

const NO_PROXIES: TrustedProxies = { ranges: [], areNamed: true }

/** The whole protocol as a function from request to answer; tests call it without a socket. */
export function createHandler(options: HandlerOptions): Handler {
  const { blobs, uploads, manifests, pulls, pullEvents, catalog, search, images, frees, changes, quotas, retention, handover } =
    options
  const { shown, remarks, listeners } = options
  const { maxTags, maxCatalogEntries, prefix, host, probes } = options
  const { access, issuer, readOnly, deletesEnabled, gate, mirrors, upstream } = options
  const root = rootPath(host, prefix)
  const paths = new Paths(root)
  const publicOrigin = publicOriginOf(host)
  const signIn = options.page?.signIn ?? { kind: 'none' }
  const registry = {
    blobs,
    uploads,
    manifests,
    pulls,
    pullEvents,
    listeners,
    mirrors,
    catalog,
    search,
    images,
    shown,
    remarks,
    deployments: options.deployments,
    administration: options.administration,
    accountEvents: options.accountEvents,
    webhooks: options.webhooks,
    progress: options.progress,
    official: options.official ?? [],
    frees,
    changes,
    quotas,
    retention,
    handover,
    paths,
    publicOrigin,
    signIn,
    maxTags,
    maxCatalogEntries,
  }
  const tellsOf = listeners && ((incoming: IncomingRequest) => askedRequest(incoming, { publicOrigin, root }))
  const tellsOfPulls = pullEvents !== undefined
  const mirrored = mirrors === undefined || mirrors.names.isEmpty ? undefined : new MirroredRoutes(mirrors.names)
  const hasPage = options.page !== undefined
  const routes = new RememberedRoutes(prefix)
  const rules = {
    ...{ prefix, routes, root, upstream, mirrored, hasPage, readOnly, deletesEnabled },
    ...{ access, issuer, signIn, publicOrigin, gate, probes, tellsOf, tellsOfPulls },
  }
  const pipeline = createPipeline(findIn(registry, rules), options)
  return withProbes(probes, withForwarding(options.trustedProxies ?? NO_PROXIES, pipeline))
}
