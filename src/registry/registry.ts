import type { Liveness } from '../metadata/processes.ts'
import type { Metadata, Query } from '../metadata/query.ts'
import type { Log } from '../observe/log.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { StorageDriver, UploadState } from '../storage/driver.ts'
import type { Check } from './check/command/check.ts'
import type { UnservableRemoval } from './check/command/unservable-removal.ts'
import { createCheck } from './check/create-check.ts'
import type { ScrubbedBlob, ScrubPolicy } from './check/scrub.ts'
import type { Collected, Collector } from './collect/collector.ts'
import type { CollectorDuty } from './collect/collector-duty.ts'
import type { CommandCollection } from './collect/command/collection.ts'
import { createCollector } from './collect/create-collector.ts'
import { type CollectorPolicy, DEFAULT_POLICY } from './collect/policy.ts'
import { BlobPush } from './content/blob-push.ts'
import { BlobStore } from './content/blob-store.ts'
import type { Catalog } from './content/catalog.ts'
import { ManifestRestoration } from './content/manifest-restoration.ts'
import { type ManifestRules, NO_RULES } from './content/manifest-rules.ts'
import { ManifestStore } from './content/manifest-store.ts'
import { ReferenceCheck } from './content/reference-check.ts'
import type { OnRescued } from './content/rescue.ts'
import { createLists } from './create-lists.ts'
import { ContentChanges } from './deleting/content-changes.ts'
import { Frees } from './deleting/frees.ts'
import type { Deployments } from './deployments/deployments.ts'
import type { WatchedAccounts } from './events/account-events.ts'
import { FactsDuty } from './facts/facts-duty.ts'
import { FactsReader } from './facts/facts-reader.ts'
import { createHandover } from './handover/create-handover.ts'
import type { Handover } from './handover/handover.ts'
import { findStoreId } from './handover/store-id.ts'
import { Reconcile } from './heal/reconcile.ts'
import { StorageLook } from './heal/storage-look.ts'
import { StorageView } from './heal/storage-view.ts'
import type { InsideDuty } from './inside/inside-duty.ts'
import { createKeeping } from './keeping/create-keeping.ts'
import type { Holding } from './keeping/holding.ts'
import type { Holds } from './keeping/holds.ts'
import { Maintenance } from './maintenance.ts'
import { createMirrors, limitedMirrors, mirrorWork } from './mirror/create-mirrors.ts'
import type { MirrorSources, Mirrors } from './mirror/mirrors.ts'
import { countedMirrors } from './mirror/space/counted-mirrors.ts'
import { LeavingBytes } from './mirror/space/leaving-bytes.ts'
import { Notifications } from './notifications/notifications.ts'
import type { NotificationSettings } from './notifications/settings.ts'
import { PullRecords } from './pulls/pull-records.ts'
import { endCount, QuotaCount } from './quotas/quota-count.ts'
import { type QuotaRule, QuotaRules } from './quotas/quota-rules.ts'
import { Quotas } from './quotas/quotas.ts'
import { DeletedRecords } from './records/deleted-records.ts'
import { TagHistory } from './records/tag-history.ts'
import type { Remarks } from './remarks/remarks.ts'
import { createRetention, type Retention } from './retention/create-retention.ts'
import type { RetentionPolicy } from './retention/retention-policy.ts'
import { BackgroundScan, type BackgroundScanOptions } from './scan/background-scan.ts'
import { DanglingLinks, type DanglingLinksOptions } from './scan/dangling-links.ts'
import { ListedScan } from './scan/listed-scan.ts'
import { Obstacles } from './scan/obstacles.ts'
import { RepositoryScan } from './scan/repository-scan.ts'
import { TagIndexes, type TagIndexesOptions } from './scan/tag-indexes.ts'
import { UnreadableNames } from './scan/unreadable-names.ts'
import type { Images } from './search/images.ts'
import type { Search } from './search/search.ts'
import { createShown, type Shown } from './shown/create-shown.ts'
import type { KeptOrders } from './shown/kept-orders.ts'
import { Status } from './status.ts'
import { UploadOrphans } from './uploads/upload-orphans.ts'
import { createPurge, type UploadPurging } from './uploads/upload-purge.ts'
import { UploadSessions } from './uploads/upload-sessions.ts'
import { Operations } from './writes/operations.ts'
import { createRepeats, type OnRepaired, type RepeatedRequests } from './writes/repeated-requests.ts'
import { Settlement } from './writes/settlement.ts'

export interface RegistryOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly liveness: Liveness
  /** This process, as its lock names it. */
  readonly processId: string
  readonly epoch: number
  /** For so long after others take a process for dead it may still begin something in the storage; left out, it has ended then. */
  readonly lostForMs?: number
  readonly uploadPurging: UploadPurging
  /** Left out, as the configuration has it by default. */
  readonly collector?: CollectorPolicy
  /** This process is a command that collects once, and leaves the clock of the collector to a server. */
  readonly collectsOnce?: { readonly requireAllowed: ((query: Query) => Promise<void>) | undefined } | undefined
  /** Is told what the collector took. */
  readonly onCollected?: (collected: Collected) => void
  /** Is told what the collector does not take, because a request asked for it or builds on it. */
  readonly onRescued?: OnRescued | undefined
  /** Is told what was undone by a request that came twice, and is made again. */
  readonly onRepaired?: OnRepaired | undefined
  /** Left out, no bytes are read in the background. */
  readonly scrub?: ScrubPolicy
  /** Is told of each blob that was read in the background. */
  readonly onScrubbed?: (read: ScrubbedBlob) => void
  /** Readers wait longer than they should: the collector slows down, and what reads bytes in the background. */
  readonly readersWait?: () => boolean
  /** Clients are served at this moment: what reads layers leaves them most of the machine. */
  readonly isServing?: () => boolean
  /** Whether the layers of images are read in the background, to tell what is in them. */
  readonly readsLayers?: boolean
  /** Left out, every valid manifest is taken. */
  readonly manifestRules?: ManifestRules
  /** How much repositories may hold; left out, as much as there is room for. */
  readonly quotas?: readonly QuotaRule[]
  /** How events are kept, and where they go; left out, there are none. */
  readonly notifications?: NotificationSettings | undefined
  /** Users, groups and robots, whose changes are events; left out, nothing looks at them. */
  readonly accounts?: WatchedAccounts | undefined
  /** Which tags stay; left out, no rule takes any, and all may move and go. */
  readonly retention?: RetentionPolicy
  /** Nothing is changed here, though another process may change the storage: pulls believe what the storage says, and no row. */
  readonly onlyReads?: boolean
  /** Other registries whose content is pulled through this one; left out, there are none. */
  readonly mirrors?: MirrorSources | undefined
  readonly log: Log
}

/** The rules, put together over one storage and one metadata database. */
export interface Registry {
  readonly blobs: BlobStore
  readonly uploads: UploadSessions
  readonly manifests: ManifestStore
  /** Undefined: this registry mirrors no other one. */
  readonly mirrors: Mirrors | undefined
  readonly holds: Holds
  readonly holding: Holding
  readonly retention: Retention
  readonly catalog: Catalog
  readonly facts: FactsDuty
  readonly insideDuty: InsideDuty
  readonly search: Search
  readonly images: Images
  readonly shown: Shown
  readonly orders: KeptOrders
  readonly remarks: Remarks
  /** What runs where, by the reports of agents. */
  readonly deployments: Deployments
  readonly pullRecords: PullRecords
  readonly frees: Frees
  readonly records: DeletedRecords
  readonly history: TagHistory
  readonly restoration: ManifestRestoration
  readonly changes: ContentChanges
  readonly quotas: Quotas
  /** Undefined: there are no events. */
  readonly notifications: Notifications | undefined
  readonly scan: RepositoryScan
  readonly operations: Operations
  readonly backgroundScan: BackgroundScan
  readonly orphans: UploadOrphans
  readonly collector: Collector
  readonly collectorDuty: CollectorDuty
  readonly commandCollection: CommandCollection
  readonly check: Check
  readonly unservable: UnservableRemoval
  readonly status: Status
  /** Pending while another database may be at work on the storage; `start` is not to be called before it is over. */
  readonly handover: Handover
  /** Settles what the last run left, if asked to, and begins the work in the background. */
  start(options: { readonly settleFirst: boolean }): Promise<void>
  /** Lets other processes do what this one does for all, while it still serves; what listens here connects to one of them. */
  handOverDuties(): Promise<void>
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>
}

export function createRegistry(options: RegistryOptions): Registry {
  const { storage, metadata, liveness, processId, epoch, onlyReads = false, collector = DEFAULT_POLICY, onRescued, log } = options
  const view = new StorageView(storage, metadata.read)
  const reconcile = new Reconcile({ metadata, view, processId, epoch, unknownForMs: collector.foundMs - collector.graceMs })
  const settlement = new Settlement({ metadata, view, processId, epoch })
  const process = { liveness, processId, epoch, lostForMs: options.lostForMs ?? 0 }
  const operations = new Operations({ metadata, settlement, ...process, ...latenessOf(storage), log })
  const unreadable = new UnreadableNames({ askStorage: () => findStoreId(storage), metadata, epoch, log })
  const obstacles = new Obstacles({ storage, metadata, epoch, log })
  const listed = new ListedScan({ storage, metadata, view, reconcile, unreadable, obstacles })
  const scan = new RepositoryScan({ storage, metadata, reconcile, listed, unreadable, obstacles })
  const scanned = (repository: RepositoryName) => scan.ensureScanned(repository)
  const { quotas, quotaCount } = quotasOf(options)
  const notifications = notificationsOf(options)
  const parts = { storage, metadata, view, operations, scanned, quotas, onRescued, events: notifications?.events }
  const backgroundScan = createBackgroundScan({ ...parts, scan, listed, reconcile, unreadable, obstacles, epoch })
  const look = new StorageLook(view)
  const believed = onlyReads ? look : reconcile
  const blobs = new BlobStore({ ...parts, reconcile: believed })
  const { records, history } = recordsOf(options, collector)
  const references = new ReferenceCheck({ metadata, blobs, reconcile, onRescued })
  const uploads = new UploadSessions({ ...parts, ...process, blobs, pushes: new BlobPush(parts) })
  const keeping = createKeeping({ ...options, operations, history, reconcile: believed })
  const { holds, holding, deployments, times, guard, kept } = keeping
  const facts = new FactsReader({ storage, log })
  const factsDuty = new FactsDuty({ storage, metadata, reader: facts })
  const manifestParts = { ...parts, references, records, rules: options.manifestRules ?? NO_RULES, guard, facts }
  const manifests = new ManifestStore({ ...manifestParts, reconcile: believed })
  const restoration = new ManifestRestoration(manifestParts)
  const { catalog, search, searchIndex } = createLists({ metadata, scan, epoch })
  const removing = { records, leaving: leavingOf(options) }
  const collecting = createCollector({ ...options, ...parts, ...removing, policy: collector, kept, backgroundScan, unreadable })
  const checking = createCheck({ ...options, ...parts, guard, reconcile, scan, obstacles, unreadable })
  const pullRecords = new PullRecords(options)
  const retention = createRetention({ ...options, ...keeping, ...collecting, scan, manifests, pullRecords, collector })
  const mirrors = createMirrors({ ...options, ...manifestParts, ...collecting, ...retention, blobs, manifests, catalog })
  const orphans = createOrphans(options, { uploads, mirrors })
  const said = createShown({ ...options, manifests, scan, backgroundScan })
  const repeats = createRepeats({ ...options, operations })
  const maintenance = new Maintenance({
    ...(onlyReads ? {} : { retention, repeats, ...mirrorWork(mirrors, { metadata, liveness }) }),
    scrub: options.scrub?.enabled === true ? checking.scrub : undefined,
    inside: options.readsLayers === true ? said.insideDuty : undefined,
    collector: { duty: collecting.duty, clock: collecting.clock, tickMs: collector.tickMs },
    records: { deleted: records, history, pulls: pullRecords, remarks: said.remarks, isReadOnly: collector.isReadOnly },
    ...{ storage, metadata, operations, backgroundScan, liveness, processId, epoch, orphans },
    ...{ purge: createPurge(options), quotas: quotaCount, facts: factsDuty, searchIndex, notifications, orders: said.orders },
    onFailure: (task, error) => log.error('maintenance failed, it is tried again', { task, error }),
  })
  return {
    ...{ blobs, uploads, manifests, mirrors, holds, holding, retention, deployments, notifications },
    ...{ catalog, search, frees: new Frees({ metadata, epoch, policy: collector }) },
    ...{ records, history, restoration, quotas, facts: factsDuty, ...said, pullRecords },
    changes: new ContentChanges({ metadata, manifests, scan, records, history, restoration, times, freed: collector }),
    ...{ scan, operations, backgroundScan, orphans },
    ...{ collector: collecting.collector, collectorDuty: collecting.duty, commandCollection: collecting.command },
    ...{ check: checking.check, unservable: checking.unservable },
    status: new Status({
      ...{ storage, metadata, scan, backgroundScan, unreadable, obstacles, quotas, notifications, epoch, onlyReads },
      ...{ mirrors: limitedMirrors(options.mirrors), dutyStates: () => maintenance.dutyStates() },
    }),
    handover: createHandover({ ...parts, reconcile: look }, { ...manifestParts, reconcile: look }),
    ...lifeOf({ metadata, operations, maintenance, repeats, mirrors, notifications, countsQuotas: quotaCount !== undefined }),
  }
}

function latenessOf({ capabilities: { lateMs, lateBytesMs } }: StorageDriver) {
  return { lateMs, lateBytesMs }
}

interface Living extends Pick<Registry, 'operations' | 'mirrors' | 'notifications'> {
  readonly metadata: Metadata
  readonly maintenance: Maintenance
  readonly repeats: RepeatedRequests | undefined
  readonly countsQuotas: boolean
}

function lifeOf(living: Living): Pick<Registry, 'start' | 'handOverDuties' | 'stop'> {
  const { metadata, operations, maintenance, repeats, mirrors, notifications, countsQuotas } = living
  return {
    start: async ({ settleFirst }) => {
      if (settleFirst) await operations.sweep()
      if (!countsQuotas) await endCount(metadata)
      await repeats?.begin()
      await notifications?.begin()
      maintenance.start()
    },
    handOverDuties: async () => {
      notifications?.listeners.close()
      await maintenance.handOver()
    },
    stop: async () => {
      await Promise.all([maintenance.stop(), mirrors?.stop()])
      await operations.finish()
    },
  }
}

type BackgroundParts = DanglingLinksOptions & TagIndexesOptions & Omit<BackgroundScanOptions, 'danglingLinks' | 'tagIndexes'>

function createBackgroundScan(parts: BackgroundParts): BackgroundScan {
  return new BackgroundScan({ ...parts, danglingLinks: new DanglingLinks(parts), tagIndexes: new TagIndexes(parts) })
}

function recordsOf({ storage, metadata, log }: RegistryOptions, { graceMs }: CollectorPolicy) {
  return { records: new DeletedRecords({ storage, graceMs, log }), history: new TagHistory({ storage, metadata }) }
}

function quotasOf({ metadata, log, ...options }: RegistryOptions) {
  const rules = new QuotaRules(options.quotas ?? [], countedMirrors(limitedMirrors(options.mirrors)))
  const quotas = new Quotas({ metadata, rules, log })
  return { quotas, quotaCount: rules.isEmpty ? undefined : new QuotaCount({ metadata, rules, log }) }
}

/** Where no mirror has a size, nothing waits for room. */
function leavingOf(options: RegistryOptions): LeavingBytes | undefined {
  return countedMirrors(limitedMirrors(options.mirrors)).length === 0 ? undefined : new LeavingBytes(options)
}

/** Where nothing can be written, nothing happens either. */
function notificationsOf({ notifications: settings, onlyReads = false, ...parts }: RegistryOptions): Notifications | undefined {
  return settings === undefined || onlyReads ? undefined : new Notifications({ settings, ...parts })
}

function createOrphans(options: RegistryOptions, { uploads, mirrors }: Pick<Registry, 'uploads' | 'mirrors'>): UploadOrphans {
  const isOpen = (state: UploadState) => uploads.isOpen(state) || mirrors?.isOpen(state) === true
  return new UploadOrphans({ ...options, uploads: { isOpen } })
}
