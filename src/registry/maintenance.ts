import { currentNumber, type Metadata } from '../metadata/query.ts'
import { deleteScansOf, listScanningProcesses, purgeTombstones } from '../metadata/scans.ts'
import type { StorageDriver } from '../storage/driver.ts'
import type { BackgroundScan } from './background-scan.ts'
import type { Liveness, Operations } from './operations.ts'
import type { UploadPurge } from './upload-purge.ts'

const SECOND_MS = 1_000
const SCAN_EVERY_MS = 10 * SECOND_MS
const TOMBSTONES_EVERY_MS = 60 * SECOND_MS
const LEFTOVERS_EVERY_MS = 60 * 60 * SECOND_MS

export interface MaintenanceOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly operations: Operations
  readonly backgroundScan: BackgroundScan
  readonly liveness: Liveness
  readonly epoch: number
  /** Undefined when purging is off. */
  readonly purge: { readonly uploads: UploadPurge; readonly everyMs: number } | undefined
  /** A task failed; it is tried again at its next time. */
  readonly onFailure: (task: string, error: unknown) => void
}

/** What a registry does when nobody asks: settles what the dead left, scans, purges. */
export class Maintenance {
  readonly #options: MaintenanceOptions
  readonly #stopping = new AbortController()
  readonly #timers: NodeJS.Timeout[] = []
  readonly #running = new Set<Promise<void>>()
  /** The counter at the last purge: younger tombstones stay, for requests that looked before and write after. */
  #tombstonesUpTo = 0

  constructor(options: MaintenanceOptions) {
    this.#options = options
  }

  start(): void {
    const { operations, backgroundScan, storage, purge } = this.#options
    this.#every(SECOND_MS, 'settling', () => operations.sweep())
    this.#every(SECOND_MS, 'closing dead scans', () => this.#closeDeadScans())
    this.#every(SCAN_EVERY_MS, 'background scan', () => backgroundScan.run(this.#stopping.signal))
    this.#every(TOMBSTONES_EVERY_MS, 'purging tombstones', () => this.#purgeTombstones())
    this.#every(LEFTOVERS_EVERY_MS, 'removing leftovers', () => storage.removeLeftovers(LEFTOVERS_EVERY_MS))
    if (purge !== undefined) {
      this.#every(purge.everyMs, 'purging uploads', async () => {
        await purge.uploads.run()
      })
    }
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    for (const timer of this.#timers) clearInterval(timer)
    await Promise.all(this.#running)
  }

  /** Now, and then each interval in which the last run has ended. */
  #every(intervalMs: number, name: string, task: () => Promise<void>): void {
    let isRunning = false
    const run = () => {
      if (isRunning || this.#stopping.signal.aborted) return
      isRunning = true
      const finished = task()
        .catch((error: unknown) => this.#options.onFailure(name, error))
        .finally(() => {
          isRunning = false
          this.#running.delete(finished)
        })
      this.#running.add(finished)
    }
    run()
    this.#timers.push(setInterval(run, intervalMs))
  }

  async #closeDeadScans(): Promise<void> {
    const { metadata, liveness } = this.#options
    for (const process of await listScanningProcesses(metadata.read)) {
      if (!liveness.isAlive(process)) await metadata.write((query) => deleteScansOf(query, process))
    }
  }

  async #purgeTombstones(): Promise<void> {
    const { metadata, epoch } = this.#options
    const upTo = this.#tombstonesUpTo
    this.#tombstonesUpTo = await currentNumber(metadata.read)
    let isMore = upTo > 0
    while (isMore && !this.#stopping.signal.aborted) isMore = await metadata.write((query) => purgeTombstones(query, epoch, upTo))
  }
}
