import type { RepositoryName } from '../../oci/name.ts'
import { listedPath, type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { layout } from '../../storage/layout.ts'

/**
 * The directories of a repository in which nothing is left, and their removal: none that holds something, and none by its whole tree. What another
 * registry, or a writer that comes late, has put into one keeps it.
 */
export class RepositoryDirectories {
  readonly #storage: StorageDriver
  /** At first unknown: how many names there are at the top. The last one stays, for a storage without any looks like one that is not mounted. */
  #topLeft: number | undefined

  constructor(storage: StorageDriver) {
    this.#storage = storage
  }

  /** Looks into them: all directories, those that hold no other one first; undefined when there is anything else in them. */
  async find(repository: RepositoryName): Promise<readonly StoragePath[] | undefined> {
    const found: StoragePath[] = []
    for (const path of [layout.uploads(repository), layout.layers(repository), layout.manifests(repository)])
      if (!(await this.#collect(path, found))) return undefined
    return found
  }

  /**
   * True when all of them have gone. Where the storage has none there is nothing to be done. `found` has nothing to do with what is in them now: each is
   * removed only while it is empty.
   */
  async remove(repository: RepositoryName, found: readonly StoragePath[]): Promise<boolean> {
    if (!this.#storage.capabilities.keepsEmptyDirectories) return true
    const own = ownOf(repository)
    const below = found.filter((path) => !own.includes(path))
    const above = aboveOf(repository)
    this.#topLeft ??= (await this.#storage.list(layout.repositories)).length
    const [uploads, ...others] = own
    if (uploads === undefined) return false
    const paths = [uploads, ...below, ...others, ...(this.#topLeft > 1 ? above : above.slice(0, -1))]
    const gone = await this.#storage.removeEmptyDirectories(paths)
    if (gone === own.length + below.length + above.length) this.#topLeft -= 1
    return gone >= own.length + below.length
  }

  /** False when there is anything but directories. */
  async #collect(path: StoragePath, found: StoragePath[]): Promise<boolean> {
    const entry = await this.#storage.stat(path)
    if (entry === undefined) return true
    if (entry.kind === 'file') return false
    for (const name of await this.#storage.list(path)) if (!(await this.#collect(listedPath(path, name), found))) return false
    found.push(path)
    return true
  }
}

/**
 * Uploads of registry:2 keep the others. Then what lies deeper, then these: as long as a link could be placed beside them, all three that every
 * repository has are there. `_layers` is the first of them: without it the repository is none to registry:2.
 */
function ownOf(repository: RepositoryName): readonly StoragePath[] {
  return [
    layout.uploads(repository),
    layout.layers(repository),
    layout.tags(repository),
    layout.revisions(repository),
    layout.manifests(repository),
  ]
}

/** The directory of its name, and those above it that may be there for its sake; the last one is at the top. */
function aboveOf(repository: RepositoryName): readonly StoragePath[] {
  const segments = repository.split('/')
  return segments.map((_, at) => storagePath(layout.repositories, ...segments.slice(0, segments.length - at)))
}
