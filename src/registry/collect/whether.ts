import { listObstacles } from '../../metadata/collecting/obstacles.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { findStoreId } from '../handover/store-id.ts'
import type { BackgroundScan } from '../scan/background-scan.ts'
import type { UnreadableNames } from '../scan/unreadable-names.ts'
import type { CollectorClock } from './collector-clock.ts'
import type { CollectorPolicy } from './policy.ts'

const HOUR_MS = 60 * 60 * 1000

/** Why the collector takes nothing at this moment. For an obstacle only bytes stay; for each other reason links and manifests stay too. */
export type Waits = 'disabled' | 'readonly' | 'scan' | 'unreadable' | 'store' | 'repositories' | 'epoch' | 'brake' | 'obstacle'

export interface WhetherOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly backgroundScan: Pick<BackgroundScan, 'isComplete'>
  readonly unreadable: Pick<UnreadableNames, 'list'>
  readonly clock: CollectorClock
  readonly policy: CollectorPolicy
  readonly epoch: number
}

/** Whether the rows may be believed so far that what they do not name may go (docs/collector.md, When). */
export class Whether {
  readonly #options: WhetherOptions
  #store: string | undefined

  constructor(options: WhetherOptions) {
    this.#options = options
  }

  /** Undefined: something may be taken. `graceMs`: that of the caller. Throws when the storage does not answer. */
  async waits(graceMs: number): Promise<Waits | undefined> {
    const { policy, backgroundScan, unreadable, clock } = this.#options
    if (policy.isReadOnly) return 'readonly'
    // The scan is not complete then, and will not be by itself.
    if ((await unreadable.list()).length > 0) return 'unreadable'
    if (!(await backgroundScan.isComplete())) return 'scan'
    if (!(await this.#isSameStore())) return 'store'
    if (!(await this.#hasRepositories())) return 'repositories'
    const { nowMs, epochBeganMs } = await clock.read()
    return nowMs - epochBeganMs < Math.min(graceMs, HOUR_MS) ? 'epoch' : undefined
  }

  /** Content that nothing here understands may need any bytes. */
  async hasObstacle(): Promise<boolean> {
    return (await listObstacles(this.#options.metadata.read, this.#options.epoch)).length > 0
  }

  async #isSameStore(): Promise<boolean> {
    const found = await findStoreId(this.#options.storage)
    this.#store ??= found
    return found !== undefined && found === this.#store
  }

  /** A directory that is not mounted is an empty one: bytes without any repository are no garbage. */
  async #hasRepositories(): Promise<boolean> {
    const { storage } = this.#options
    if (!storage.capabilities.keepsEmptyDirectories) return true
    const repositories = await storage.list(layout.repositories)
    return repositories.length > 0 || (await storage.list(layout.blobs)).length === 0
  }
}
