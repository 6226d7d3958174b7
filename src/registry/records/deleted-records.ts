import type { Log } from '../../observe/log.ts'
import { allEnded } from '../../storage/all-ended.ts'
import { listedPath, type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { berthLayout } from '../../storage/layout.ts'
import { FileTooLargeError, StorageFullError } from '../../storage/storage-errors.ts'
import { dayOf, isDay } from './days.ts'
import {
  bytesOfRecord,
  type DeletedRecord,
  type Deleting,
  findRecord,
  findRecordId,
  newRecordId,
  type RecordId,
  timeOf,
} from './deleted-record.ts'

/** A manifest may have very many tags; a larger file is no record. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024
/** Those of manifests with thousands of tags are larger: each is read alone. */
const SMALL_RECORD_BYTES = 256 * 1024
/** So many are read side by side. */
const READ_AT_ONCE = 16

export interface DeletedRecordsOptions {
  readonly storage: StorageDriver
  /** The grace of the collector: so long what a deletion set free is there for certain. */
  readonly graceMs: number
  readonly log: Log
}

/**
 * What has been deleted, in files of the storage: `deleted/<yyyymmdd>/<id>`, a file for each deletion, so that it can be brought back also when the
 * database is lost. A day goes as a whole when the last grace that began on it has ended.
 */
export class DeletedRecords {
  readonly #options: DeletedRecordsOptions

  constructor(options: DeletedRecordsOptions) {
    this.#options = options
  }

  /**
   * Called by the operation that has claimed the names, before it removes anything. A record may outlive an operation that removed nothing. On a full
   * disk the deletion goes on without: it is what makes room.
   */
  async write(deleting: readonly Deleting[]): Promise<void> {
    await allEnded(deleting.map((each) => this.#writeOne(each)))
  }

  /** Undefined where there is none, or one that cannot be read. */
  async find(id: RecordId): Promise<DeletedRecord | undefined> {
    const record = await this.#read(pathOf(id), id, { most: MAX_RECORD_BYTES })
    return record === 'larger' ? undefined : record
  }

  /** All of them, the newest first. `onUnreadable` is told the paths of files that are no records of this version. */
  async *newestFirst(signal: AbortSignal, onUnreadable: (path: StoragePath) => void): AsyncGenerator<DeletedRecord> {
    const { storage } = this.#options
    for (const day of (await this.#days()).reverse()) {
      const names = (await storage.list(storagePath(berthLayout.deleted, day))).toReversed()
      for (let start = 0; start < names.length; start += READ_AT_ONCE) {
        signal.throwIfAborted()
        const paths = names.slice(start, start + READ_AT_ONCE).map((name) => listedPath(berthLayout.deleted, day, name))
        const found = await allEnded(paths.map((path) => this.#readListed(path, SMALL_RECORD_BYTES, onUnreadable)))
        for (const [index, path] of paths.entries()) {
          const one = found[index]
          const record = one === 'larger' ? await this.#readListed(path, MAX_RECORD_BYTES, onUnreadable) : one
          if (record !== undefined && record !== 'larger') yield record
        }
      }
    }
  }

  /** It has been brought back. */
  async remove(id: RecordId): Promise<void> {
    await this.#options.storage.remove(pathOf(id))
  }

  /** Removes the days that are over, grace included, by each of these clocks. */
  async removeOld(clocksMs: readonly number[]): Promise<void> {
    const oldest = dayOf(Math.min(...clocksMs) - this.#options.graceMs)
    for (const day of await this.#days())
      if (day < oldest) await this.#options.storage.remove(storagePath(berthLayout.deleted, day))
  }

  async #writeOne(deleting: Deleting): Promise<void> {
    const { storage, graceMs, log } = this.#options
    const atMs = Date.now()
    const record = { ...deleting, id: newRecordId(atMs), atMs, untilMs: atMs + graceMs }
    const directory = storagePath(berthLayout.deleted, dayOf(atMs))
    try {
      await storage.place([{ directory, files: [{ name: record.id, bytes: bytesOfRecord(record), secret: true }] }])
    } catch (error) {
      if (!(error instanceof StorageFullError)) throw error
      const { repository, digest, how } = record
      log.error('the storage is full, and a deletion cannot be undone', { repository, digest, operation: how })
    }
  }

  /** By name, the oldest first. */
  async #days(): Promise<string[]> {
    return (await this.#options.storage.list(berthLayout.deleted)).filter(isDay)
  }

  async #readListed(path: StoragePath, most: number, onUnreadable: (path: StoragePath) => void): Promise<Found> {
    const id = findRecordId(path.slice(path.lastIndexOf('/') + 1))
    if (id !== undefined && path === pathOf(id)) return await this.#read(path, id, { most, onUnreadable })
    onUnreadable(path)
    return undefined
  }

  async #read(path: StoragePath, id: RecordId, { most, onUnreadable }: Reading): Promise<Found> {
    try {
      const bytes = await this.#options.storage.readSmall(path, most)
      const record = bytes && findRecord(id, bytes)
      if (bytes !== undefined && record === undefined) onUnreadable?.(path)
      return record
    } catch (error) {
      if (!(error instanceof FileTooLargeError)) throw error
      if (most < MAX_RECORD_BYTES) return 'larger'
      onUnreadable?.(path)
      return undefined
    }
  }
}

type Found = DeletedRecord | 'larger' | undefined

interface Reading {
  readonly most: number
  readonly onUnreadable?: (path: StoragePath) => void
}

function pathOf(id: RecordId): StoragePath {
  return storagePath(berthLayout.deleted, dayOf(timeOf(id)), id)
}
