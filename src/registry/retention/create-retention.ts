import type { Metadata } from '../../metadata/query.ts'
import type { Log } from '../../observe/log.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { CollectorPolicy } from '../collect/policy.ts'
import type { Whether } from '../collect/whether.ts'
import type { ManifestStore } from '../content/manifest-store.ts'
import { Questions } from '../deleting/questions.ts'
import type { Seen } from '../deleting/selected-repositories.ts'
import type { EarlierImages } from '../keeping/earlier-images.ts'
import type { Holds } from '../keeping/holds.ts'
import type { PushedTimes } from '../keeping/pushed-times.ts'
import type { Running } from '../keeping/running.ts'
import { PullNotes } from '../pulls/pull-notes.ts'
import type { PullRecords } from '../pulls/pull-records.ts'
import type { RepositoryScan } from '../scan/repository-scan.ts'
import { type RetainedBytes, RetentionBytes } from './retention-bytes.ts'
import { RetentionDuty } from './retention-duty.ts'
import { type RepositoryDecisions, RetentionLook } from './retention-look.ts'
import { NO_POLICY, type RetentionPolicy } from './retention-policy.ts'

export interface RetentionParts {
  readonly metadata: Metadata
  readonly holds: Holds
  readonly images: EarlierImages
  readonly running: Running
  readonly times: PushedTimes
  readonly scan: RepositoryScan
  readonly manifests: Pick<ManifestStore, 'delete'>
  readonly whether: Whether
  readonly pullRecords: PullRecords
  /** Undefined: there are no rules. */
  readonly retention?: RetentionPolicy | undefined
  readonly collector: Pick<CollectorPolicy, 'graceMs' | 'intervalMs'>
  readonly log: Log
}

/** The rules for tags, put together. */
export interface Retention {
  /** What becomes of everything. `seen`: how the caller waits for the scans that it needs. */
  look(seen: Seen): RetentionLook
  /** The same in one repository, for a request; undefined where there is none of this name. Throws the reason of the signal, and UNAVAILABLE. */
  decisionsIn(repository: RepositoryName, signal: AbortSignal): Promise<RepositoryDecisions | undefined>
  /** What they set free. Throws the reason of the signal. */
  bytesOf(decisions: RepositoryDecisions, signal: AbortSignal): Promise<RetainedBytes>
  readonly pulls: PullNotes
  /** The rules are only shown. */
  readonly dryRun: boolean
  /** Undefined: no rule takes anything. */
  readonly duty: RetentionDuty | undefined
  /** How often a pass is made. */
  readonly everyMs: number
}

export function createRetention(parts: RetentionParts): Retention {
  const {
    metadata,
    holds,
    images,
    running,
    times,
    scan,
    manifests,
    whether,
    retention: policy = NO_POLICY,
    collector,
    log,
  } = parts
  const look = (seen: Seen) => new RetentionLook({ metadata, seen, holds, images, times, running, rules: policy })
  const { dryRun, rules, untaggedMs } = policy
  // A pass waits for a complete scan: there is nothing left to be seen.
  const seen: Seen = { names: () => scan.ensureNames(), repository: (name) => scan.ensureScanned(name) }
  const duty = new RetentionDuty({ look: look(seen), manifests, whether, metadata, graceMs: collector.graceMs, dryRun, log })
  return {
    look,
    decisionsIn: (name, signal) => look(seen).of(name, signal),
    bytesOf: async (decisions, signal) => {
      const bytes = new RetentionBytes(new Questions(metadata.read, { signal }))
      await bytes.add(decisions)
      return await bytes.total()
    },
    dryRun,
    pulls: new PullNotes({ metadata, records: parts.pullRecords, ignoredPullers: policy.ignoredPullers }),
    duty: rules.length === 0 && untaggedMs === undefined ? undefined : duty,
    everyMs: Math.max(1, collector.intervalMs),
  }
}
