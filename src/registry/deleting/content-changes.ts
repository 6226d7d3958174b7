import type { Metadata } from '../../metadata/query.ts'
import type { Actor } from '../../observe/actor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Tag } from '../../oci/reference.ts'
import type { ManifestRestoration } from '../content/manifest-restoration.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import type { PushedTimes } from '../keeping/pushed-times.ts'
import type { DeletedRecords } from '../records/deleted-records.ts'
import type { TagHistory } from '../records/tag-history.ts'
import type { RepositoryScan } from '../scan/repository-scan.ts'
import { Deletions } from './deletions.ts'
import type { FreedWhen } from './freed-when.ts'
import { PastOfTag, type PastOfTagOptions } from './past-of-tag.ts'
import type { Seen } from './selected-repositories.ts'
import { Undeletion, type UndeletionOptions } from './undeletion.ts'

export interface ContentChangesOptions {
  readonly metadata: Metadata
  readonly manifests: Pick<ManifestStore, 'delete' | 'keptIn'>
  readonly scan: Scan
  readonly records: DeletedRecords
  readonly history: Pick<TagHistory, 'of' | 'remembered'>
  readonly restoration: Pick<ManifestRestoration, 'restore'>
  readonly freed: FreedWhen
  readonly times: PushedTimes
}

type Scan = Pick<RepositoryScan, 'areNamesKnown' | 'scanNames' | 'scanIfNeeded'>

/** A tag, and the manifest to which it is to point again. */
export interface TagTarget {
  readonly tag: Tag
  readonly digest: Digest
}

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
    const { metadata, manifests, scan, freed, times } = this.#options
    return new Deletions({ metadata, manifests, freed, times, seen: seenIn(scan, signal) })
  }

  undeletion(options: Omit<UndeletionOptions, 'records' | 'restoration'>): Undeletion {
    const { records, restoration, scan } = this.#options
    const restore: ManifestRestoration['restore'] = async (repository: RepositoryName, ...rest) => {
      await scan.scanIfNeeded(repository, options.signal)
      return await restoration.restore(repository, ...rest)
    }
    return new Undeletion({ ...options, records, restoration: { restore } })
  }

  /** How tags of a repository moved. */
  async past(repository: RepositoryName, reading: PastReading): Promise<PastOfTag> {
    const { metadata, scan, records, history } = this.#options
    await scan.scanIfNeeded(repository, reading.signal)
    return new PastOfTag({ ...reading, metadata, deleted: records, history })
  }

  /** Points a tag to what is in the storage. Throws ReferencesMissing with what has gone, and KeptContent for an immutable tag that it would move. */
  async restoreTag(repository: RepositoryName, { tag, digest }: TagTarget, { actor, signal }: Restoring): Promise<void> {
    const { scan, restoration } = this.#options
    await scan.scanIfNeeded(repository, signal)
    const restore = { digest, tags: [tag], how: 'tag restore', actor, overwrites: true }
    await restoration.restore(repository, restore, { needsTag: true })
  }
}

type PastReading = Pick<PastOfTagOptions, 'signal' | 'onUnreadable' | 'bounds'>

interface Restoring {
  readonly actor: Actor
  readonly signal: AbortSignal
}

export function seenIn(scan: Scan, signal: AbortSignal): Seen {
  const names = async () => {
    if (!(await scan.areNamesKnown())) await scan.scanNames()
  }
  return { names, repository: (name) => scan.scanIfNeeded(name, signal) }
}
