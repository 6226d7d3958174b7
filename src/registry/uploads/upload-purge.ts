import { listRepositoryNames } from '../../metadata/listing.ts'
import type { Metadata } from '../../metadata/query.ts'
import { deleteUploadUntouched, listAbandonedUploads } from '../../metadata/uploads.ts'
import type { Log, LogFields } from '../../observe/log.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { type StorageDriver, storagePath, type UploadState } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'
import { foreignUploadAt } from '../../storage/layout-entry.ts'
import { StorageFault } from '../../storage/storage-errors.ts'

const PAGE = 100

/** registry:2 names its uploads by a UUID; what is named otherwise is not its own. */
const FOREIGN_UPLOAD = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export interface UploadPurgeOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  /** `uploadpurging.age`. */
  readonly ageMs: number
  /** `uploadpurging.dryrun`: only counts and tells. */
  readonly dryRun: boolean
  readonly log: Pick<Log, 'info'>
}

/** As the configuration has it. */
export interface UploadPurging {
  readonly enabled: boolean
  readonly ageMs: number
  readonly intervalMs: number
  readonly dryRun: boolean
}

export interface PurgedUploads {
  readonly sessions: number
  /** Of registry:2, below `_uploads`. */
  readonly foreign: number
}

interface ForeignUpload {
  readonly repository: RepositoryName
  readonly id: string
}

/** Undefined when purging is off. */
export function createPurge({
  uploadPurging: { enabled, ageMs, dryRun, intervalMs },
  ...parts
}: Pick<UploadPurgeOptions, 'storage' | 'metadata' | 'log'> & { readonly uploadPurging: UploadPurging }) {
  return enabled ? { uploads: new UploadPurge({ ...parts, ageMs, dryRun }), everyMs: intervalMs } : undefined
}

/** Removes uploads that were given up: Berth's sessions, and what registry:2 left behind. */
export class UploadPurge {
  readonly #options: UploadPurgeOptions

  constructor(options: UploadPurgeOptions) {
    this.#options = options
  }

  /** Ends between two uploads when the signal aborts. A repository that cannot be read is thrown when all others are done. */
  async run(signal: AbortSignal): Promise<PurgedUploads> {
    const sessions = await this.#purgeSessions(signal)
    return { sessions, foreign: await this.#purgeForeign(signal) }
  }

  async #purgeSessions(signal: AbortSignal): Promise<number> {
    const { metadata, storage, ageMs, dryRun } = this.#options
    const before = Date.now() - ageMs
    if (dryRun) return await this.#tellSessions(before)
    let purged = 0
    for (;;) {
      const uploads = await listAbandonedUploads(metadata.read, before, PAGE)
      for (const { id } of uploads) {
        if (signal.aborted) return purged
        const ended = await metadata.write((query) => deleteUploadUntouched(query, id, before))
        if (ended === undefined) continue
        if (ended.state !== null) await storage.abortUpload(ended.state as UploadState)
        purged += 1
      }
      if (uploads.length < PAGE) return purged
    }
  }

  async #tellSessions(before: number): Promise<number> {
    const uploads = await listAbandonedUploads(this.#options.metadata.read, before, Number.MAX_SAFE_INTEGER)
    for (const { id, repository } of uploads) this.#tell({ kind: 'session', repository, uploadId: id })
    return uploads.length
  }

  async #purgeForeign(signal: AbortSignal): Promise<number> {
    const { storage, ageMs, dryRun } = this.#options
    const faults: StorageFault[] = []
    const uploads = storage.capabilities.listsWhole ? this.#listedForeign() : this.#foreignByRepository(faults)
    let purged = 0
    for await (const { repository, id } of uploads) {
      if (signal.aborted) return purged
      if (!FOREIGN_UPLOAD.test(id)) continue
      const path = storagePath(layout.uploads(repository), id)
      const entry = (await storage.stat(storagePath(path, 'startedat'))) ?? (await storage.stat(path))
      if (entry === undefined || entry.changedAtMs > Date.now() - ageMs) continue
      if (dryRun) this.#tell({ kind: 'registry:2', repository, uploadId: id })
      else await storage.remove(path)
      purged += 1
    }
    if (faults.length > 0) throw faults[0]
    return purged
  }

  /** What a purge that is not dry would remove. */
  #tell(upload: LogFields): void {
    this.#options.log.info('upload would be purged', upload)
  }

  async *#foreignByRepository(faults: StorageFault[]): AsyncGenerator<ForeignUpload> {
    const { metadata } = this.#options
    let last = ''
    for (;;) {
      const repositories = await listRepositoryNames(metadata.read, last, PAGE)
      for (const repository of repositories) {
        for (const id of await this.#uploadsOf(repository, faults)) yield { repository, id }
      }
      last = repositories.at(-1) ?? last
      if (repositories.length < PAGE) return
    }
  }

  async #uploadsOf(repository: RepositoryName, faults: StorageFault[]): Promise<readonly string[]> {
    try {
      return await this.#options.storage.list(layout.uploads(repository))
    } catch (error) {
      if (!(error instanceof StorageFault)) throw error
      faults.push(error)
      return []
    }
  }

  /** A thousand keys cost no more than the question whether a repository has uploads. */
  async *#listedForeign(): AsyncGenerator<ForeignUpload> {
    let last: ForeignUpload | undefined
    let next: string | undefined
    do {
      const page = await this.#options.storage.listFiles(layout.repositories, next)
      next = page.next
      for (const { path } of page.files) {
        const upload = foreignUploadAt(path)
        if (upload === undefined || (upload.repository === last?.repository && upload.id === last.id)) continue
        last = upload
        yield upload
      }
    } while (next !== undefined)
  }
}
