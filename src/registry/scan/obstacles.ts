import { addObstacles, forgetObstacles, listObstacles, type Obstacle } from '../../metadata/collecting/obstacles.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import { listedPath, type StorageDriver, type StoragePath } from '../../storage/driver.ts'
import { findObstacles, obstacleAt } from '../../storage/layout-obstacle.ts'
import { StorageFault } from '../../storage/storage-errors.ts'

/** So many are looked at again in each run of the scan: a list each, which an object store charges for. */
const LOOKED_AT_ONCE = 10
/** So many have a line in the log of their own. */
const MOST_LINES = 20

export interface ObstaclesOptions {
  readonly storage: Pick<StorageDriver, 'capabilities' | 'list' | 'listFiles' | 'stat'>
  readonly metadata: Metadata
  readonly epoch: number
  readonly log: Log
}

/**
 * What the scan of this epoch passes over, because its name is none that Berth takes: it may need bytes of which nothing here knows, so that the
 * collector takes none while one is there. It never stops serving.
 */
export class Obstacles {
  readonly #options: ObstaclesOptions
  /** How far the looks have come. */
  #lookedAt = ''

  constructor(options: ObstaclesOptions) {
    this.#options = options
  }

  async list(): Promise<readonly Obstacle[]> {
    const { metadata, epoch } = this.#options
    return await listObstacles(metadata.read, epoch)
  }

  /** Finds them among the names that a list of a directory has just shown. */
  async meetIn(directory: StoragePath, names: readonly string[]): Promise<void> {
    await this.#meet(await findObstacles(this.#options.storage, directory, names))
  }

  /** Finds them among the files of a whole storage. */
  async meetOnWay(paths: Iterable<string>): Promise<void> {
    const met = new Map<string, Obstacle>()
    for (const path of paths) {
      const obstacle = obstacleAt(path)
      if (obstacle !== undefined) met.set(obstacle.path, obstacle)
    }
    await this.#meet([...met.values()])
  }

  /** Looks at some again, and at the next ones when it is called again; forgets those that have gone. */
  async lookAgain(signal: AbortSignal): Promise<void> {
    const { metadata, epoch, log } = this.#options
    const obstacles = await this.list()
    const later = obstacles.filter(({ path }) => path > this.#lookedAt)
    const due = (later.length > 0 ? later : obstacles).slice(0, LOOKED_AT_ONCE)
    const gone = new Set<string>()
    for (const { path } of due) {
      signal.throwIfAborted()
      this.#lookedAt = path
      if (!(await this.#isThere(listedPath(path)))) gone.add(path)
    }
    if (gone.size === 0) return
    const forgotten = await metadata.write((query) => forgetObstacles(query, epoch, gone))
    for (const { path } of forgotten) log.info('a directory that Berth does not know has gone from the storage', { path })
  }

  /** What cannot be looked at may be there. */
  async #isThere(path: StoragePath): Promise<boolean> {
    const { storage } = this.#options
    try {
      if (!storage.capabilities.listsWhole) return (await storage.list(path)).length > 0
      const { files, unnamed } = await storage.listFiles(path)
      return files.length > 0 || unnamed.length > 0
    } catch (error) {
      if (!(error instanceof StorageFault)) throw error
      return true
    }
  }

  async #meet(met: readonly Obstacle[]): Promise<void> {
    const { metadata, epoch, log } = this.#options
    if (met.length === 0) return
    const known = new Set((await this.list()).map(({ path }) => path))
    const unknown = met.filter(({ path }) => !known.has(path))
    if (unknown.length === 0) return
    const added = await metadata.write((query) => addObstacles(query, epoch, unknown))
    for (const { path } of added.slice(0, Math.max(0, MOST_LINES - known.size))) {
      log.warn('the storage has a directory that Berth does not know, no bytes are collected while it is there', { path })
    }
  }
}
