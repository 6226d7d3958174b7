import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference, Tag } from '../../oci/reference.ts'
import { type StorageDriver, type StoragePath, storagePath } from '../../storage/driver.ts'
import { holdFile, layout } from '../../storage/layout.ts'
import { FileTooLargeError } from '../../storage/storage-errors.ts'

/** A hold is a line; what it says is for people. */
const MOST_BYTES = 4096

/** So many names are asked for one by one; of more the holds of the repository are listed, however many there are of either. */
const ASKED_ALONE = 2

/** Tags and digests that an operator holds: one file each in the storage, so that they outlive the metadata and go along with a copy. */
export class Holds {
  readonly #storage: Pick<StorageDriver, 'readSmall' | 'list' | 'place' | 'remove'>

  constructor(storage: Pick<StorageDriver, 'readSmall' | 'list' | 'place' | 'remove'>) {
    this.#storage = storage
  }

  /** Durable when it resolves. May be repeated. */
  async hold(repository: RepositoryName, reference: Reference): Promise<void> {
    const bytes = new TextEncoder().encode(`${JSON.stringify({ at: new Date().toISOString() })}\n`)
    await this.#storage.place([{ directory: layout.holds(repository), files: [{ name: holdFile(reference), bytes }] }])
  }

  /** True where it was held. */
  async unhold(repository: RepositoryName, reference: Reference): Promise<boolean> {
    const wasHeld = await this.isHeld(repository, reference)
    await this.#storage.remove(pathOf(repository, reference))
    return wasHeld
  }

  /** One request to an object store. */
  async isHeld(repository: RepositoryName, reference: Reference): Promise<boolean> {
    try {
      return (await this.#storage.readSmall(pathOf(repository, reference), MOST_BYTES)) !== undefined
    } catch (error) {
      if (error instanceof FileTooLargeError) return true
      throw error
    }
  }

  /** Those of these that are held. */
  async among(repository: RepositoryName, references: readonly Reference[]): Promise<readonly Reference[]> {
    if (references.length > ASKED_ALONE) {
      const held = await this.of(repository)
      return references.filter((reference) => held.has(reference))
    }
    const held: Reference[] = []
    for (const reference of references) if (await this.isHeld(repository, reference)) held.push(reference)
    return held
  }

  /** All of one repository, for a look at many of its tags. */
  async of(repository: RepositoryName): Promise<HeldNames> {
    return new HeldNames(new Set(await this.#storage.list(layout.holds(repository))))
  }
}

/** The holds of one repository as they were a moment ago. */
export class HeldNames {
  readonly #files: ReadonlySet<string>

  constructor(files: ReadonlySet<string>) {
    this.#files = files
  }

  get isEmpty(): boolean {
    return this.#files.size === 0
  }

  has(reference: Digest | Tag): boolean {
    return this.#files.has(holdFile(reference))
  }
}

function pathOf(repository: RepositoryName, reference: Reference): StoragePath {
  return storagePath(layout.holds(repository), holdFile(reference))
}
