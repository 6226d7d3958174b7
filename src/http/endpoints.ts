import type { Action, Permit } from '../access/access.ts'
import type { BlobStore } from '../registry/content/blob-store.ts'
import type { Catalog } from '../registry/content/catalog.ts'
import type { ManifestStore } from '../registry/content/manifest-store.ts'
import type { Takeover } from '../registry/handover/takeover.ts'
import type { UploadSessions } from '../registry/uploads/upload-sessions.ts'
import type { Paths } from './answer/links.ts'
import type { PlainResponse } from './answer/responses.ts'
import { getBase, getRoot } from './handlers/base.ts'
import { deleteBlob, getBlob } from './handlers/blobs.ts'
import { listRepositories } from './handlers/catalog.ts'
import { deleteManifest, getManifest, putManifest } from './handlers/manifests.ts'
import { listReferrers } from './handlers/referrers.ts'
import { listTags } from './handlers/tags.ts'
import { deleteUpload, getUpload, patchUpload, postUpload, putUpload } from './handlers/uploads.ts'
import type { Route } from './routes.ts'

/** What the handlers work with. */
export interface Registry {
  readonly blobs: BlobStore
  readonly uploads: UploadSessions
  readonly manifests: ManifestStore
  readonly catalog: Catalog
  /** While it is pending, pulls are answered from the storage alone and everything else waits. */
  readonly takeover: Takeover | undefined
  readonly paths: Paths
  readonly maxTags: number
  readonly maxCatalogEntries: number
}

/** One method of one resource. HEAD is that of GET without the body. */
export interface Endpoint {
  /** The id in the spec's table of endpoints; 'base' and 'catalog' are outside it. */
  readonly id: string
  /** What its caller must be allowed to do. */
  readonly action: Action
  readonly answer: (permit: Permit) => PlainResponse | Promise<PlainResponse>
  /** It is answered also while another database may be at work on the storage. */
  readonly duringTakeover?: true
}

export type Endpoints = Readonly<Partial<Record<string, Endpoint>>>

/** The API on one page: what the methods of a resource are in the spec, what they do, and which handler answers them. */
export function endpointsOf(registry: Registry, request: Request, route: Route): Endpoints {
  const { blobs, uploads, manifests, catalog, paths, takeover } = registry
  const pulled = takeover?.isPending === true ? takeover : registry
  switch (route.resource) {
    case 'root':
      return { GET: { id: 'root', action: 'pull', answer: getRoot, duringTakeover: true } }
    case 'base':
      return { GET: { id: 'end-1', action: 'pull', answer: getBase, duringTakeover: true } }
    case 'blob':
      return {
        GET: { id: 'end-2', action: 'pull', answer: () => getBlob(pulled.blobs, request, route), duringTakeover: true },
        DELETE: { id: 'end-10', action: 'delete', answer: () => deleteBlob(blobs, route) },
      }
    case 'manifest':
      return {
        GET: { id: 'end-3', action: 'pull', answer: () => getManifest(pulled.manifests, request, route), duringTakeover: true },
        PUT: { id: 'end-7', action: 'push', answer: () => putManifest({ manifests, paths }, request, route) },
        DELETE: { id: 'end-9', action: 'delete', answer: () => deleteManifest(manifests, route) },
      }
    case 'uploads':
      return {
        POST: { id: 'end-4', action: 'push', answer: (permit) => postUpload({ uploads, blobs, paths, permit }, request, route) },
      }
    case 'upload':
      return {
        PATCH: { id: 'end-5', action: 'push', answer: () => patchUpload({ uploads, paths }, request, route) },
        PUT: { id: 'end-6', action: 'push', answer: () => putUpload({ uploads, paths }, request, route) },
        GET: { id: 'end-13', action: 'push', answer: () => getUpload({ uploads, paths }, route) },
        DELETE: { id: 'end-14', action: 'push', answer: () => deleteUpload(uploads, route) },
      }
    case 'tags':
      return { GET: { id: 'end-8', action: 'list', answer: () => listTags(registry, route) } }
    case 'referrers':
      return { GET: { id: 'end-12', action: 'pull', answer: () => listReferrers({ catalog, paths }, route) } }
    case 'catalog':
      return { GET: { id: 'catalog', action: 'list', answer: (permit) => listRepositories(registry, permit, route) } }
  }
}
