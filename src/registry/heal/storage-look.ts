import type { ContentName } from '../../metadata/names.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { ObservationOf, StorageView } from './storage-view.ts'

/** How a store finds out about names whose rows it cannot believe. */
export interface Look {
  /** True where a row may be believed. */
  isSeen(rowEpoch: number | null | undefined, scannedEpoch: number | undefined): boolean
  /** True where there is no need to look. */
  isKnownAbsent(repository: RepositoryName): Promise<boolean>
  /** What the storage says. */
  look<Name extends ContentName>(names: readonly Name[]): Promise<readonly ObservationOf<Name>[]>
}

/** Believes no row and heals none: another database may change the storage at any moment. */
export class StorageLook implements Look {
  readonly #view: StorageView

  constructor(view: StorageView) {
    this.#view = view
  }

  isSeen(): boolean {
    return false
  }

  async isKnownAbsent(): Promise<boolean> {
    return false
  }

  async look<Name extends ContentName>(names: readonly Name[]): Promise<readonly ObservationOf<Name>[]> {
    return (await Promise.all(names.map((name) => this.#view.observe(name)))) as ObservationOf<Name>[]
  }
}
