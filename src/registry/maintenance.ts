import { readClock } from '../metadata/collecting/clock.ts'
import type { Liveness } from '../metadata/processes.ts'
import type { Metadata } from '../metadata/query.ts'
import { deleteScansOf, listScanningProcesses } from '../metadata/scans.ts'
import type { DutyState } from '../observe/duty-state.ts'
import type { StorageDriver } from '../storage/driver.ts'
import type { Scrub } from './check/scrub.ts'
import type { CollectorClock } from './collect/collector-clock.ts'
import type { CollectorDuty } from './collect/collector-duty.ts'
import { Duties, type Duty } from './duties.ts'
import type { AccountEvents } from './events/account-events.ts'
import { NO_EVENTS, removeOldEvents } from './events/event-keeping.ts'
import type { FactsDuty } from './facts/facts-duty.ts'
import type { InsideDuty } from './inside/inside-duty.ts'
import type { MirrorSyncs } from './mirror/sync/mirror-syncs.ts'
import type { Notifications } from './notifications/notifications.ts'
import type { PullRecords } from './pulls/pull-records.ts'
import type { QuotaCount } from './quotas/quota-count.ts'
import type { DeletedRecords } from './records/deleted-records.ts'
import type { TagHistory } from './records/tag-history.ts'
import type { Remarks } from './remarks/remarks.ts'
import { RepeatedTask } from './repeated-task.ts'
import type { Retention } from './retention/create-retention.ts'
import type { RetentionDuty } from './retention/retention-duty.ts'
import type { BackgroundScan } from './scan/background-scan.ts'
import type { SearchIndex } from './search/search-index.ts'
import type { KeptOrders } from './shown/kept-orders.ts'
import { Tombstones } from './tombstones.ts'
import type { UploadOrphans } from './uploads/upload-orphans.ts'
import type { UploadPurge } from './uploads/upload-purge.ts'
import type { Operations } from './writes/operations.ts'
import type { RepeatedRequests } from './writes/repeated-requests.ts'

const SECOND_MS = 1_000
const REMOTE_ACCOUNTS_EVERY_MS = 15_000
const SCAN_EVERY_MS = 10 * SECOND_MS
/** A pull that was noted is written down within so long. */
const PULLS_EVERY_MS = 60 * SECOND_MS
/** With a lost database no more pulls are lost than of so long. */
const PULL_RECORDS_EVERY_MS = 60 * 60 * SECOND_MS
/** They are looked at once in an epoch; a look that failed is repeated within so long. */
const REMARKS_EVERY_MS = 10 * SECOND_MS
const TOMBSTONES_EVERY_MS = 60 * SECOND_MS
/** What a process left that was killed is gone within a minute. */
const ORPHANS_EVERY_MS = 20 * SECOND_MS
/** A run lasts for a whole pass; the next one begins when it is due. */
const SCRUB_EVERY_MS = 60 * SECOND_MS
/** The names of callers that moved tags since are lost with the database. */
const HISTORY_EVERY_MS = 5 * SECOND_MS
/** What a caller asks for begins to be read within so long. */
const INSIDE_EVERY_MS = 2 * SECOND_MS
/** What a scan found is shown with its facts within so long. */
const FACTS_EVERY_MS = 5 * SECOND_MS
const LEFTOVERS_EVERY_MS = 60 * 60 * SECOND_MS

export interface MaintenanceOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly operations: Operations
  readonly backgroundScan: BackgroundScan
  readonly liveness: Liveness
  readonly processId: string
  readonly epoch: number
  readonly orphans: UploadOrphans
  readonly collector: { readonly duty: CollectorDuty; readonly clock: CollectorClock; readonly tickMs: number }
  /** They stay as they are while the storage is to stay as it is. */
  readonly records: {
    readonly deleted: Pick<DeletedRecords, 'removeOld'>
    readonly history: Pick<TagHistory, 'flush' | 'tidy' | 'restoreActivity'>
    readonly pulls: Pick<PullRecords, 'run'>
    readonly remarks: Pick<Remarks, 'run'>
    readonly isReadOnly: boolean
  }
  /** Undefined when it is off. */
  readonly scrub?: Pick<Scrub, 'run'> | undefined
  /** Undefined when layers are not read. */
  readonly inside?: Pick<InsideDuty, 'look'> | undefined
  /** Left out where nothing can be written. */
  readonly retention?: Pick<Retention, 'duty' | 'everyMs' | 'pulls'>
  /** Undefined when purging is off. */
  readonly purge: { readonly uploads: UploadPurge; readonly everyMs: number } | undefined
  /** Undefined where there are no quotas. */
  readonly quotas: QuotaCount | undefined
  /** Undefined where there are no events. */
  readonly notifications: Pick<Notifications, 'pulls' | 'accounts' | 'run'> | undefined
  readonly facts: Pick<FactsDuty, 'run'>
  readonly searchIndex: Pick<SearchIndex, 'catchUp'>
  readonly orders: Pick<KeptOrders, 'run'>
  /** Undefined where no request to the storage comes twice, and where nothing is written to it. */
  readonly repeats?: Pick<RepeatedRequests, 'run'> | undefined
  /** Keeps the mirrors of other registries within their limits; undefined where there are none. */
  readonly tendMirrors?: (() => Promise<void>) | undefined
  /** Brings what rules of mirrors name; undefined where none has one. */
  readonly mirrorSyncs?: Pick<MirrorSyncs, 'runDue'> | undefined
  /** A task failed; it is tried again at its next time. */
  readonly onFailure: (task: string, error: unknown) => void
}

/**
 * What a registry does unasked. Every process settles what dead processes left, because a request may wait for it; scans and purges
 * are duties of one process.
 */
export class Maintenance {
  readonly #options: MaintenanceOptions
  readonly #duties: Duties
  #tasks: readonly RepeatedTask[] = []
  readonly #tombstones: Tombstones

  constructor(options: MaintenanceOptions) {
    this.#options = options
    const { metadata, liveness, processId, epoch, onFailure } = options
    this.#tombstones = new Tombstones(metadata, epoch)
    this.#duties = new Duties({ duties: this.#listDuties(), metadata, liveness, processId, onFailure })
  }

  start(): void {
    const { operations, orphans, storage, liveness, collector, retention, notifications, onFailure } = this.#options
    const pulls = notifications?.pulls
    const removeOrphans = async () => {
      await orphans.run()
      await storage.removeLeftoversOf(async (owner) => !(await liveness.isAlive(owner)))
    }
    const everySecond = (name: string, run: () => Promise<void>) =>
      new RepeatedTask({ everyMs: SECOND_MS, run, onFailure: (error) => onFailure(name, error) })
    this.#tasks = [
      everySecond('settling', () => operations.sweep()),
      everySecond('closing dead scans', () => this.#closeDeadScans()),
      ...(pulls === undefined ? [] : [everySecond('writing down pulls', () => pulls.write())]),
      // Each process knows alone what its own requests have open.
      new RepeatedTask({
        everyMs: ORPHANS_EVERY_MS,
        run: removeOrphans,
        onFailure: (error) => onFailure('removing uploads without an owner', error),
      }),
      new RepeatedTask({
        everyMs: collector.tickMs,
        run: () => collector.clock.noteRunning(),
        onFailure: (error) => onFailure('noting that a process runs', error),
      }),
      ...(retention === undefined ? [] : [pullsTask(retention, onFailure)]),
    ]
    this.#duties.start()
  }

  dutyStates(): DutyState[] {
    return this.#duties.states()
  }

  /** Lets other processes do what this one did for all. Resolves when that has ended here. May be repeated. */
  async handOver(): Promise<void> {
    await this.#duties.stop()
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    await Promise.all([this.handOver(), ...this.#tasks.map((task) => task.stop())])
    const { retention, notifications, onFailure } = this.#options
    await retention?.pulls.write().catch((error: unknown) => onFailure('noting pulls', error))
    await notifications?.pulls?.write()
  }

  #listDuties(): Duty[] {
    const { storage, backgroundScan, purge, collector, scrub, inside, quotas, retention, notifications } = this.#options
    const { tendMirrors, mirrorSyncs, repeats } = this.#options
    return [
      { name: 'scan', everyMs: SCAN_EVERY_MS, run: (signal) => backgroundScan.run(signal) },
      { name: 'tombstones', everyMs: TOMBSTONES_EVERY_MS, run: (signal) => this.#tombstones.purge(signal) },
      { name: 'leftovers', everyMs: LEFTOVERS_EVERY_MS, run: (signal) => this.#removeLeftovers(signal) },
      { name: 'collector', everyMs: collector.tickMs, run: (signal) => collector.duty.run(signal) },
      { name: 'facts', everyMs: FACTS_EVERY_MS, run: (signal) => this.#readFacts(signal) },
      { name: 'history', everyMs: HISTORY_EVERY_MS, run: (signal) => this.#writeHistory(signal) },
      { name: 'pulls', everyMs: PULL_RECORDS_EVERY_MS, run: (signal) => this.#recordPulls(signal) },
      { name: 'remarks', everyMs: REMARKS_EVERY_MS, run: (signal) => this.#options.records.remarks.run(signal) },
      ...(scrub === undefined
        ? []
        : [{ name: 'scrub', everyMs: SCRUB_EVERY_MS, run: (signal: AbortSignal) => scrub.run(signal) }]),
      ...(inside === undefined
        ? []
        : [{ name: 'inside', everyMs: INSIDE_EVERY_MS, run: (signal: AbortSignal) => inside.look(signal) }]),
      ...(purge === undefined ? [] : [uploadsDuty(purge)]),
      ...(repeats === undefined
        ? []
        : [{ name: 'repeats', everyMs: SECOND_MS, run: (signal: AbortSignal) => repeats.run(signal) }]),
      ...(quotas === undefined ? [] : [{ name: 'quotas', everyMs: SECOND_MS, run: (signal: AbortSignal) => quotas.run(signal) }]),
      ...(notifications === undefined
        ? []
        : [{ name: 'notifications', everyMs: SECOND_MS, run: (signal: AbortSignal) => notifications.run(signal) }]),
      ...(notifications?.accounts === undefined ? [] : [accountsDuty(notifications.accounts, storage.capabilities)]),
      ...(retention?.duty === undefined ? [] : [retentionDuty(retention.duty, retention.everyMs)]),
      ...(tendMirrors === undefined ? [] : [{ name: 'mirrors', everyMs: SECOND_MS, run: tendMirrors }]),
      ...(mirrorSyncs === undefined || this.#options.records.isReadOnly
        ? []
        : [{ name: 'sync', everyMs: SECOND_MS, run: (signal: AbortSignal) => mirrorSyncs.runDue(signal) }]),
    ]
  }

  async #removeLeftovers(signal: AbortSignal): Promise<void> {
    const { storage, records, metadata, notifications } = this.#options
    await storage.removeLeftovers(LEFTOVERS_EVERY_MS)
    if (records.isReadOnly) return
    if (notifications === undefined) await removeOldEvents(metadata, NO_EVENTS, signal)
    // A clock of the machine that jumped ahead makes nothing old.
    const { nowMs } = await readClock(metadata.read)
    const clocksMs = [nowMs, Date.now()]
    await records.deleted.removeOld(clocksMs)
    await records.history.tidy(clocksMs, signal)
  }

  async #writeHistory(signal: AbortSignal): Promise<void> {
    const { history, isReadOnly } = this.#options.records
    // Before the first that is newer than all of these.
    await history.restoreActivity(signal)
    if (!isReadOnly) await history.flush(signal)
  }

  async #recordPulls(signal: AbortSignal): Promise<void> {
    const { pulls, isReadOnly } = this.#options.records
    if (!isReadOnly) await pulls.run(signal)
  }

  async #readFacts(signal: AbortSignal): Promise<void> {
    const { facts, searchIndex, orders } = this.#options
    try {
      await facts.run(signal)
    } finally {
      await searchIndex.catchUp(signal)
      await orders.run(signal)
    }
  }

  async #closeDeadScans(): Promise<void> {
    const { metadata, liveness } = this.#options
    for (const process of await listScanningProcesses(metadata.read)) {
      if (!(await liveness.isAlive(process))) await metadata.write((query) => deleteScansOf(query, process))
    }
  }
}

function retentionDuty(duty: RetentionDuty, everyMs: number): Duty {
  return { name: 'retention', everyMs, run: (signal) => duty.run(signal) }
}

function pullsTask({ pulls }: Pick<Retention, 'pulls'>, onFailure: MaintenanceOptions['onFailure']): RepeatedTask {
  const failed = (error: unknown) => onFailure('noting pulls', error)
  return new RepeatedTask({ everyMs: PULLS_EVERY_MS, run: () => pulls.write(), onFailure: failed })
}

/** Each look is a request to an object store. */
function accountsDuty(accounts: AccountEvents, { isReachedByOtherMachines }: StorageDriver['capabilities']): Duty {
  return { name: 'accounts', everyMs: isReachedByOtherMachines ? REMOTE_ACCOUNTS_EVERY_MS : SECOND_MS, run: () => accounts.run() }
}

function uploadsDuty({ uploads, everyMs }: NonNullable<MaintenanceOptions['purge']>): Duty {
  const run = async (signal: AbortSignal) => {
    await uploads.run(signal)
  }
  return { name: 'uploads', everyMs, run }
}
