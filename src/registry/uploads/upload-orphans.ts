import type { Liveness } from '../../metadata/processes.ts'
import type { Metadata } from '../../metadata/query.ts'
import { isUploadState } from '../../metadata/uploads.ts'
import type { ListedUpload, StorageDriver, UploadState } from '../../storage/driver.ts'

/** A file is named by its session, or known to be open, so soon after it was begun. */
const OWN_AGE_MS = 30_000
/** Where it is not known which process began a file: a request writes to it at least as often. */
const UNKNOWN_AGE_MS = 60 * 60 * 1000

export interface UploadOrphansOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly liveness: Liveness
  readonly processId: string
  /** Knows what requests of this process have open. */
  readonly uploads: { isOpen(state: UploadState): boolean }
}

/**
 * Removes the bytes of uploads that have no owner: no session names them, and the process that began them is gone, or is this one and no
 * request of it has them open. Those of another living process it removes itself.
 */
export class UploadOrphans {
  readonly #options: UploadOrphansOptions

  constructor(options: UploadOrphansOptions) {
    this.#options = options
  }

  /** How many were removed. */
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

  /** Each process is asked about once a run. */
  #remembered(): Liveness['isAlive'] {
    const known = new Map<string, boolean>()
    return async (process) => {
      const alive = known.get(process) ?? (await this.#options.liveness.isAlive(process))
      known.set(process, alive)
      return alive
    }
  }
}
