import type { Action, Permit } from '../access/access.ts'
import type { Administration } from '../access/administration/administration.ts'
import type { SignIn } from '../access/sessions.ts'
import type { Actor } from '../observe/actor.ts'
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { RepositoryGlob } from '../oci/repository-glob.ts'
import type { BlobStore, StoredBlob } from '../registry/content/blob-store.ts'
import type { Catalog, PageRequest } from '../registry/content/catalog.ts'
import type { ManifestStore } from '../registry/content/manifest-store.ts'
import type { ContentChanges } from '../registry/deleting/content-changes.ts'
import type { Frees } from '../registry/deleting/frees.ts'
import type { Deployments } from '../registry/deployments/deployments.ts'
import type { AccountEvents } from '../registry/events/account-events.ts'
import type { EventListeners } from '../registry/events/event-listeners.ts'
import type { PullEvents } from '../registry/events/pull-events.ts'
import type { NoReferrerList, ReferrerList } from '../registry/mirror/mirrored-referrers.ts'
import type { TagPage } from '../registry/mirror/mirrored-tags.ts'
import type { PullNotes } from '../registry/pulls/pull-notes.ts'
import type { Quotas } from '../registry/quotas/quotas.ts'
import type { Remarks } from '../registry/remarks/remarks.ts'
import type { Retention } from '../registry/retention/create-retention.ts'
import type { Images } from '../registry/search/images.ts'
import type { Search } from '../registry/search/search.ts'
import type { Shown } from '../registry/shown/create-shown.ts'
import type { Status } from '../registry/status.ts'
import type { UploadSessions } from '../registry/uploads/upload-sessions.ts'
import type { ServedWebhooks } from '../registry/webhooks/webhooks.ts'
import type { Paths } from './answer/links.ts'
import type { Connection } from './pipeline.ts'
import type { Route } from './routes.ts'

/** A request that was let in: what its handler works with. */
export interface Call<Found extends Route> {
  readonly request: Request
  readonly route: Found
  readonly permit: Permit
  /** What the caller may do by now, for an answer that goes on. Throws AccessRefusal where its login does not hold any more. */
  readonly permitAgain: () => Promise<Permit>
  /** Its sender, as what it changes is recorded. */
  readonly actor: Actor
  readonly connection: Connection
  readonly registry: ServedRegistry
  /** Whether the registry does such things with this resource at all, for callers who may. */
  readonly does: (what: { readonly action: Action; readonly changesRecords?: true }) => boolean
}

/** What handlers ask of a registry, and no more: what stands behind it may be another one. */
export interface ServedRegistry {
  readonly blobs: PulledBlobs & Pick<BlobStore, 'delete' | 'mount'>
  readonly manifests: PulledManifests & Pick<ManifestStore, 'put' | 'delete'>
  /** Answer pulls of what other registries have; undefined: there are none. */
  readonly mirrors?: { of(repository: RepositoryName): PulledMirror | undefined } | undefined
  /** Left out, pulls are noted nowhere. */
  readonly pulls?: Pick<PullNotes, 'looked' | 'pulled'> | undefined
  /** Left out, nothing listens to pulls. */
  readonly pullEvents?: Pick<PullEvents, 'note'> | undefined
  /** Left out, there are no events. */
  readonly listeners?: Pick<EventListeners, 'open'> | undefined
  readonly uploads: Pick<UploadSessions, 'start' | 'push' | 'append' | 'close' | 'cancel' | 'status'>
  readonly catalog: Pick<Catalog, 'listRepositories' | 'listTags' | 'listReferrers' | 'annotationsOf'> & ListedRepositories
  readonly search: Pick<Search, 'find' | 'describe'>
  readonly images: Pick<Images, 'image' | 'sizesOf' | 'firstFacts'>
  readonly shown: Shown
  /** Left out, changes of accounts are no events. */
  readonly accountEvents?: Pick<AccountEvents, 'onBehalf'> | undefined
  /** Left out, there are no events. */
  readonly webhooks?: ServedWebhooks | undefined
  /** What runs on which host, as agents report it. */
  readonly deployments: Pick<Deployments, 'report' | 'list' | 'host' | 'forget'>
  readonly remarks: Pick<Remarks, 'of' | 'describe' | 'star' | 'unstar'>
  /** Undefined: no accounts are kept here. */
  readonly administration: Administration | undefined
  readonly progress: Pick<Status, 'progress' | 'collector' | 'quotas' | 'space'>
  /** Repositories that a search calls official. */
  readonly official: readonly RepositoryGlob[]
  readonly frees: Pick<Frees, 'of'>
  readonly changes: Pick<ContentChanges, 'deletions' | 'undeletion' | 'records' | 'past' | 'restoreTag'>
  readonly quotas: Pick<Quotas, 'of'>
  readonly retention: Pick<Retention, 'bytesOf' | 'decisionsIn' | 'dryRun'>
  readonly handover: PendingHandover | undefined
  readonly paths: Paths
  /** Scheme and host under which clients see the registry; undefined: as they say themselves. */
  readonly publicOrigin: string | undefined
  /** How people sign in at the page. */
  readonly signIn: SignIn
  /** The most tags in one page; a list without `n` is given whole. */
  readonly maxTags: number
  /** The most repositories in one page, and how many there are in it when the client does not say. */
  readonly maxCatalogEntries: number
}

export interface PulledBlobs extends Pick<BlobStore, 'content' | 'redirectUrl'> {
  /** `withBytes`: its content is asked for next. */
  get(repository: RepositoryName, digest: Digest, parts: { readonly withBytes: boolean }): Promise<StoredBlob>
}

/** Pulls from its repositories are answered by it, and nothing is pushed to them. */
export interface PulledMirror {
  readonly blobs: PulledBlobs
  readonly manifests: PulledManifests
  readonly tags: ListedTags
  readonly referrers: ListedReferrers
}

export interface ListedReferrers {
  of(repository: RepositoryName, subject: Digest): Promise<ReferrerList | NoReferrerList>
}

export interface ListedTags {
  listTags(repository: RepositoryName, page: PageRequest): Promise<TagPage>
}
export type ListedRepositories = Pick<Catalog, 'hasContent'>
export type PulledManifests = Pick<ManifestStore, 'get' | 'read'>

/** While it is pending, pulls are answered from the storage alone and everything else waits. */
export interface PendingHandover {
  readonly isPending: boolean
  readonly blobs: PulledBlobs
  readonly manifests: PulledManifests
  wait(): Promise<void>
}

/** What answers pulls from a repository at this moment. */
export function pulledFrom(
  registry: ServedRegistry,
  repository: RepositoryName,
): { readonly blobs: PulledBlobs; readonly manifests: PulledManifests } {
  return registry.handover?.isPending === true ? registry.handover : (registry.mirrors?.of(repository) ?? registry)
}
