import type { Metadata } from '../../metadata/query.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { ManifestRestoration } from '../content/manifest-restoration.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import type { DeletedRecords } from '../records/deleted-records.ts'
import type { RepositoryScan } from '../scan/repository-scan.ts'
import { Deletions } from './deletions.ts'
import type { FreedWhen } from './freed-when.ts'
import type { Seen } from './selected-repositories.ts'
import { Undeletion, type UndeletionOptions } from './undeletion.ts'

export interface ContentChangesOptions {
  readonly metadata: Metadata
  readonly manifests: Pick<ManifestStore, 'delete' | 'keptIn'>
  readonly scan: Scan
  readonly records: DeletedRecords
  readonly restoration: Pick<ManifestRestoration, 'restore'>
  readonly freed: FreedWhen
}

type Scan = Pick<RepositoryScan, 'areNamesKnown' | 'scanNames' | 'scanIfNeeded'>

/** What deletes content, and brings it back, once the scans that it needs are done, however long they take. */
export class ContentChanges {
  readonly #options: ContentChangesOptions

  constructor(options: ContentChangesOptions) {
    this.#options = options
  }

  get records(): Pick<DeletedRecords, 'find' | 'newestFirst'> {
    return this.#options.records
  }

  /** `signal` ends what it waits for. */
  deletions(signal: AbortSignal): Deletions {
    const { metadata, manifests, scan, freed } = this.#options
    return new Deletions({ metadata, manifests, freed, seen: seenIn(scan, signal) })
  }

  undeletion(options: Omit<UndeletionOptions, 'records' | 'restoration'>): Undeletion {
    const { records, restoration, scan } = this.#options
    const restore: ManifestRestoration['restore'] = async (repository: RepositoryName, ...rest) => {
      await scan.scanIfNeeded(repository, options.signal)
      return await restoration.restore(repository, ...rest)
    }
    return new Undeletion({ ...options, records, restoration: { restore } })
  }
}

export function seenIn(scan: Scan, signal: AbortSignal): Seen {
  const names = async () => {
    if (!(await scan.areNamesKnown())) await scan.scanNames()
  }
  return { names, repository: (name) => scan.scanIfNeeded(name, signal) }
}
