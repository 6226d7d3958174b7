import { statSync } from 'node:fs'
import { join } from 'node:path'
import { findStoreId } from '../registry/handover/store-id.ts'
import type { StorageDriver } from '../storage/driver.ts'
import { berthLayout } from '../storage/layout.ts'

export interface StoreSignOptions {
  readonly objects: Pick<StorageDriver, 'readSmall'>
  /** False: what the system says of a file at once may be old, as on a file server. */
  readonly isOnThisMachine: boolean
}

/** The id of the store in a directory, and whether its file is still the one that was read. */
export class StoreSign {
  readonly #path: string
  readonly #options: StoreSignOptions
  #id: string | undefined
  /** What tells the file in which the id was found last from any other; undefined: it was not found. */
  #mark: string | undefined

  constructor(root: string, options: StoreSignOptions) {
    this.#path = join(root, berthLayout.store)
    this.#options = options
  }

  /** The id that the first call finds is that of the store. Undefined where there is none. Throws what the storage throws. */
  async find(): Promise<string | undefined> {
    // Before it is read: a file that takes its place meanwhile has another mark.
    const mark = this.#options.isOnThisMachine ? markOf(this.#path) : undefined
    const id = await findStoreId(this.#options.objects)
    this.#id ??= id
    this.#mark = id === this.#id ? mark : undefined
    return id
  }

  /** At once. False where only `find` can tell. */
  isUnchanged(): boolean {
    return this.#mark !== undefined && markOf(this.#path) === this.#mark
  }
}

/** The time is that of its last change of any kind: files of two disks that take each other's place differ by it. Undefined: it cannot be looked at. */
function markOf(path: string): string | undefined {
  try {
    const { dev, ino, ctimeNs } = statSync(path, { bigint: true })
    return `${dev} ${ino} ${ctimeNs}`
  } catch {
    return undefined
  }
}
