import type { Liveness } from '../../metadata/processes.ts'
import type { Metadata } from '../../metadata/query.ts'
import { isUploadState } from '../../metadata/uploads.ts'
import type { ListedUpload, StorageDriver, UploadState } from '../../storage/driver.ts'

/** Younger bytes of this process stay: a request may have begun them before the row of its upload session names them. */
const OWN_AGE_MS = 30_000
/** Younger bytes stay where nothing says which process began them: a request that is still at work writes more often than that. */
const UNKNOWN_AGE_MS = 60 * 60 * 1000

export interface UploadOrphansOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly liveness: Liveness
  readonly processId: string
  /** Whether a request of this process has the bytes open now. */
  readonly uploads: { isOpen(state: UploadState): boolean }
}

/**
 * Removes from the storage the bytes of uploads that no client can go on with: no upload session in the metadata names them, and the
 * process that began them has ended, or is this process and none of its requests has them open. A duty of each process: what another
 * living process began is left to that process.
 */
export class UploadOrphans {
  readonly #options: UploadOrphansOptions

  constructor(options: UploadOrphansOptions) {
    this.#options = options
  }

  /** Looks at all uploads of the storage once. Returns how many were removed. */
  async run(): Promise<number> {
    const { storage, metadata } = this.#options
    const isAlive = this.#remembered()
    let removed = 0
    for (const upload of await storage.listUploads()) {
      if (!(await this.#mayBeOrphan(upload, isAlive)) || (await isUploadState(metadata.read, upload.state))) continue
      await storage.abortUpload(upload.state)
      removed += 1
    }
    return removed
  }

  async #mayBeOrphan({ state, owner, changedAtMs }: ListedUpload, isAlive: Liveness['isAlive']): Promise<boolean> {
    const ageMs = Date.now() - changedAtMs
    if (owner === undefined) return ageMs > UNKNOWN_AGE_MS
    if (owner === this.#options.processId) return ageMs > OWN_AGE_MS && !this.#options.uploads.isOpen(state)
    return !(await isAlive(owner))
  }

  /** Looks once a run whether a process is alive, however many uploads it began. */
  #remembered(): Liveness['isAlive'] {
    const known = new Map<string, boolean>()
    return async (process) => {
      const alive = known.get(process) ?? (await this.#options.liveness.isAlive(process))
      known.set(process, alive)
      return alive
    }
  }
}
