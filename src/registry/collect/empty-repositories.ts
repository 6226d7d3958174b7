import { listObstacles } from '../../metadata/collecting/obstacles.ts'
import { type EmptyRepositoryRow, listEmptyRepositories } from '../../metadata/collecting/repositories.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import type { StorageDriver, StoragePath } from '../../storage/driver.ts'
import { StorageFault } from '../../storage/storage-errors.ts'
import { Rest } from '../rest.ts'
import type { Removal } from './removal.ts'
import { RepositoryDirectories } from './repository-directories.ts'

/** Each takes some ten calls of the disk and a sync, and its names are claimed for as long. */
const REMOVED_AT_ONCE = 16

export interface EmptyRepositoriesOptions {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly removal: Pick<Removal, 'repositories'>
  readonly log: Pick<Log, 'warn'>
  readonly epoch: number
}

/** An empty repository with the directories that were found in it. */
export interface EmptyRepositoryFound extends EmptyRepositoryRow {
  readonly directories: readonly StoragePath[]
}

/** Repositories in which nothing is left: first their directories go, as far as nothing is in them, then their rows. */
export class EmptyRepositories {
  readonly #options: EmptyRepositoriesOptions
  readonly #rest = new Rest()

  constructor(options: EmptyRepositoriesOptions) {
    this.#options = options
  }

  /** How many have gone. `mayGoOn` is asked after each batch. */
  async remove(mayGoOn: (removed: number) => Promise<boolean>, signal: AbortSignal): Promise<number> {
    const { storage, metadata, removal, epoch } = this.#options
    if (!storage.capabilities.removesEmptyDirectories) return 0
    const obstacles = await listObstacles(metadata.read, epoch)
    const opaque = new Set(obstacles.map(({ repository }) => repository))
    const directories = new RepositoryDirectories(storage)
    let removed = 0
    for (let after: number | undefined = 0; after !== undefined; ) {
      await this.#rest.after(0)
      signal.throwIfAborted()
      const { empty, last } = await listEmptyRepositories(metadata.read, epoch, after)
      after = last
      const found = await this.#find(
        directories,
        empty.filter(({ name }) => !opaque.has(name)),
      )
      for (let start = 0; start < found.length; start += REMOVED_AT_ONCE) {
        const gone = await removal.repositories(found.slice(start, start + REMOVED_AT_ONCE), epoch, (each) =>
          this.#unlessRefused(each, false, () => directories.remove(each.name, each.directories)),
        )
        removed += gone
        if (!(await mayGoOn(gone))) return removed
      }
    }
    return removed
  }

  /** The storage is asked before anything is claimed: what it has of another registry may stay for ever. */
  async #find(
    directories: RepositoryDirectories,
    empty: readonly EmptyRepositoryRow[],
  ): Promise<readonly EmptyRepositoryFound[]> {
    const found: EmptyRepositoryFound[] = []
    for (const row of empty) {
      const paths = await this.#unlessRefused(row, undefined, () => directories.find(row.name))
      if (paths !== undefined) found.push({ ...row, directories: paths })
    }
    return found
  }

  /** A repository that cannot be read or removed stays, and the others go. */
  async #unlessRefused<Result>({ name }: EmptyRepositoryRow, otherwise: Result, task: () => Promise<Result>): Promise<Result> {
    try {
      return await task()
    } catch (error) {
      if (!(error instanceof StorageFault)) throw error
      this.#options.log.warn('an empty repository cannot be removed', { repository: name, error })
      return otherwise
    }
  }
}
