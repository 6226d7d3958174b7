import type { Metadata, Query } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import type { StorageDriver } from '../../storage/driver.ts'
import type { EventLog } from '../events/event-log.ts'
import type { KeptUntagged } from '../keeping/kept-untagged.ts'
import type { DeletedRecords } from '../records/deleted-records.ts'
import type { BackgroundScan } from '../scan/background-scan.ts'
import type { UnreadableNames } from '../scan/unreadable-names.ts'
import type { Operations } from '../writes/operations.ts'
import { type Collected, Collector } from './collector.ts'
import { CollectorClock, StandingClock } from './collector-clock.ts'
import { CollectorDuty } from './collector-duty.ts'
import { CommandCollection } from './command/collection.ts'
import { EmptyRepositories } from './empty-repositories.ts'
import { isFull, Pace } from './pace.ts'
import type { CollectorPolicy } from './policy.ts'
import { type Leaving, Removal } from './removal.ts'
import { Whether } from './whether.ts'

export interface CollectorParts {
  readonly storage: StorageDriver
  readonly metadata: Metadata
  readonly epoch: number
  readonly log: Log
  readonly onCollected?: ((collected: Collected) => void) | undefined
  readonly collectsOnce?: { readonly requireAllowed: ((query: Query) => Promise<void>) | undefined } | undefined
  readonly readersWait?: (() => boolean) | undefined
  readonly policy: CollectorPolicy
  readonly kept: KeptUntagged
  readonly operations: Operations
  readonly records: DeletedRecords
  /** Undefined: there are no events. */
  readonly events: EventLog | undefined
  readonly backgroundScan: BackgroundScan
  readonly unreadable: UnreadableNames
  /** As the removals are told. */
  readonly leaving: Leaving | undefined
}

/** The collector and what belongs to it, put together. */
export function createCollector({
  operations,
  records,
  events,
  backgroundScan,
  unreadable,
  onCollected,
  collectsOnce,
  ...parts
}: CollectorParts) {
  const { storage, metadata, policy, kept, leaving, log, epoch } = parts
  const Clock = collectsOnce === undefined ? CollectorClock : StandingClock
  const clock = new Clock({ metadata, tickMs: policy.tickMs })
  const whether = new Whether({ storage, metadata, backgroundScan, unreadable, clock, policy, epoch })
  const { requireAllowed } = collectsOnce ?? {}
  const fullness = { isFull: () => isFull(storage) }
  const pace = new Pace({ rate: policy.rate, readersWait: parts.readersWait ?? (() => false), ...fullness })
  const { transactions } = pace
  const removal = new Removal({ storage, metadata, operations, records, events, requireAllowed, transactions, leaving })
  const removals = { removal, emptyRepositories: new EmptyRepositories({ storage, metadata, removal, log, epoch }) }
  const collector = new Collector({ metadata, ...removals, kept, whether, clock, policy, pace, ...fullness, epoch })
  const told = { log, onCollected: onCollected ?? (() => undefined), ...fullness }
  const duty = new CollectorDuty({ collector, whether, clock, metadata, policy, kept, ...told })
  return {
    ...{ collector, duty, clock, whether, leaving },
    command: new CommandCollection({ storage, metadata, collector, removal, kept, whether, clock, epoch }),
  }
}
