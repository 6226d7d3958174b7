import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import { NO_RETENTION, type RetentionRules } from '../../retention/rules.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import { Deployments } from '../deployments/deployments.ts'
import type { Look } from '../heal/storage-look.ts'
import type { TagHistory } from '../records/tag-history.ts'
import type { Operations } from '../writes/operations.ts'
import { EarlierImages } from './earlier-images.ts'
import { Holding } from './holding.ts'
import { Holds } from './holds.ts'
import { KeptUntagged } from './kept-untagged.ts'
import { PushedTimes } from './pushed-times.ts'
import { Running } from './running.ts'
import { TagGuard } from './tag-guard.ts'

export interface KeepingParts {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly operations: Operations
  readonly history: TagHistory
  readonly epoch: number
  readonly reconcile: Look
  /** Left out, nothing is fixed. */
  readonly retention?: RetentionRules
  readonly log: Log
}

/** What an operator has fixed or holds, and what is known of it, put together. */
export function createKeeping({ operations, history, reconcile, retention = NO_RETENTION, ...parts }: KeepingParts) {
  const { storage, metadata, epoch, log } = parts
  const holds = new Holds(storage)
  const images = new EarlierImages({ storage, metadata, history, log })
  const deployments = new Deployments({ storage, metadata, epoch })
  const running = new Running({ metadata, deployments })
  return {
    ...{
      holds,
      holding: new Holding(operations, holds),
      images,
      deployments,
      running,
      times: new PushedTimes(metadata, storage),
    },
    guard: new TagGuard({ metadata, reconcile, holds, retention }),
    kept: new KeptUntagged({ metadata, holds, images, running, rules: retention }),
  }
}
