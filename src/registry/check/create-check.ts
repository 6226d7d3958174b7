import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { Pace } from '../collect/pace.ts'
import { findStoreId } from '../handover/store-id.ts'
import type { Reconcile } from '../heal/reconcile.ts'
import type { StorageView } from '../heal/storage-view.ts'
import type { TagGuard } from '../keeping/tag-guard.ts'
import type { Obstacles } from '../scan/obstacles.ts'
import type { RepositoryScan } from '../scan/repository-scan.ts'
import type { UnreadableNames } from '../scan/unreadable-names.ts'
import type { Operations } from '../writes/operations.ts'
import { BlobBytes } from './blob-bytes.ts'
import { Check } from './command/check.ts'
import { Mending } from './command/mending.ts'
import { RepositoryCheck } from './command/repository-check.ts'
import { UnservableRemoval } from './command/unservable-removal.ts'
import { Quarantine } from './quarantine.ts'
import { Scrub, type ScrubbedBlob, type ScrubPolicy } from './scrub.ts'

/** What checks, scrubs and mends, over the parts of a registry. */
export interface CheckParts {
  readonly scrub?: ScrubPolicy | undefined
  readonly onScrubbed?: ((read: ScrubbedBlob) => void) | undefined
  readonly readersWait?: (() => boolean) | undefined
  readonly collector?: { readonly isReadOnly: boolean } | undefined
  readonly log: Log
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly epoch: number
  readonly view: StorageView
  readonly operations: Operations
  readonly scanned: (repository: RepositoryName) => Promise<unknown>
  readonly reconcile: Reconcile
  readonly guard: TagGuard
  readonly scan: RepositoryScan
  readonly obstacles: Obstacles
  readonly unreadable: UnreadableNames
}

export function createCheck({ scrub: policy, onScrubbed, readersWait, collector, ...parts }: CheckParts) {
  const { storage, metadata, log } = parts
  const askStorage = async () => await requireStore(storage)
  const rate = { rate: policy?.bytesPerSecond ?? 0, readersWait: readersWait ?? (() => false), isFull: async () => false }
  const pace = new Pace(rate)
  const slow = new BlobBytes({ storage, askStorage, pace: async (bytes, signal) => await pace.after(bytes, signal) })
  const bytes = new BlobBytes({ storage, askStorage, pace: async () => undefined })
  const quarantine = new Quarantine(parts)
  const isReadOnly = collector?.isReadOnly ?? false
  const told = { log, onRead: onScrubbed ?? (() => undefined) }
  const repositories = new RepositoryCheck({ ...parts, bytes })
  const mending = new Mending({ ...parts, quarantine, bytes, askStorage })
  return {
    scrub: new Scrub({ storage, metadata, bytes: slow, quarantine, isReadOnly, askStorage, ...told }),
    check: new Check({ ...parts, bytes, repositories, mending }),
    unservable: new UnservableRemoval(parts),
  }
}

/** Throws while the storage does not answer, and where there is none: a directory that is not mounted is an empty one. */
async function requireStore(storage: StorageDriver): Promise<void> {
  if ((await findStoreId(storage)) === undefined) throw new Error('there is no storage where it was')
}
