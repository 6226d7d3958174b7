import type { Config, RetentionConfig } from '../config/config.ts'
import { listDutyHolders } from '../metadata/duties.ts'
import type { Metadata } from '../metadata/query.ts'
import { countsBy, isAllCounted } from '../metadata/quotas/quotas.ts'
import type { Log } from '../observe/log.ts'
import type { EndpointState } from '../observe/metrics/notification-metrics.ts'
import type { ScrubState } from '../observe/metrics/scrub-metrics.ts'
import type { ScanState } from '../observe/readiness.ts'
import { SENTENCES } from '../registry/collect/collector-duty.ts'
import { type CollectorNote, readCollectorNote } from '../registry/collect/collector-note.ts'
import { type CollectorPolicy, DEFAULT_POLICY } from '../registry/collect/policy.ts'
import { type QuotaState, Quotas } from '../registry/quotas/quotas.ts'
import type { StatusCounts } from '../registry/status.ts'
import type { StorageSpace } from '../storage/driver.ts'
import { openRegistry, withDatabase } from './command-registry.ts'
import { listMirrors, type MirrorStatus } from './mirrors.ts'
import { quotaRulesOf } from './quotas.ts'

/** All that an operator asks first, as plain data. */
export interface RegistryStatus {
  readonly storage: { readonly space: StorageSpace | undefined; readonly readOnly: boolean; readonly deletes: boolean }
  readonly database: { readonly path: string; readonly epoch: number }
  /** The processes of servers and other commands that are alive on this storage. */
  readonly processes: number
  /** The background work that a living process has. */
  readonly duties: readonly string[]
  readonly scan: ScanState
  readonly counts: StatusCounts
  /** What could not be read, and what Berth does not know: the first of each. */
  readonly unreadable: readonly string[]
  readonly obstacles: readonly string[]
  /** `note` is undefined before its first pass. */
  readonly collector: {
    readonly enabled: boolean
    readonly note: CollectorNote | undefined
    readonly because: string | undefined
  }
  /** `state` is undefined before its first pass. */
  readonly scrub: { readonly enabled: boolean; readonly state: ScrubState | undefined }
  /** Where events go. */
  readonly endpoints: readonly EndpointState[]
  readonly quotas: {
    /** Names of the configuration. */
    readonly configured: number
    /** The fullest ones that hold anything, as far as the server has counted. */
    readonly fullest: readonly QuotaState[]
    readonly areCounted: boolean
  }
  /** `untaggedMs` is undefined where manifests without a tag stay. */
  readonly retention: Pick<RetentionConfig, 'dryRun' | 'untaggedMs'> & { readonly rules: number }
  /** The registries whose content is pulled through this one. */
  readonly mirrors: readonly MirrorStatus[]
}

const NAMED = 20

/** Asks the storage and the database, beside a server or while none runs. Throws StartError when it cannot. */
export async function readStatus(config: Config, log: Log): Promise<RegistryStatus> {
  return await withDatabase(config, log, async ({ opened, database, closers }) => {
    const { metadata, locks, processId, epoch } = database
    const policy: CollectorPolicy = { ...DEFAULT_POLICY, ...config.storage.collector }
    const onReplaced = () => undefined
    const registry = await openRegistry({ config, opened, database, log, closers, policy, requireAllowed: undefined, onReplaced })
    const { status } = registry
    const others = (await locks.living()).filter(({ id }) => id !== processId)
    const alive = new Set(others.map(({ id }) => id))
    const holders = await listDutyHolders(metadata.read)
    const note = await readCollectorNote(metadata.read)
    const { readOnly, deletes, collector, scrub } = config.storage
    return {
      storage: { space: await status.space(), readOnly, deletes },
      database: { path: database.place, epoch },
      processes: others.length,
      duties: holders.flatMap(({ duty, process }) => (alive.has(process) ? [duty] : [])).sort(),
      scan: await status.scanState(),
      counts: await status.counts(),
      unreadable: (await status.unreadable()).slice(0, NAMED),
      obstacles: (await status.obstacles()).slice(0, NAMED),
      collector: { enabled: collector.enabled, note, because: note?.waits && SENTENCES[note.waits] },
      scrub: { enabled: scrub.enabled, state: await status.scrub() },
      endpoints: await status.endpoints(),
      quotas: await quotasOf(config, metadata, log),
      retention: retentionOf(config),
      mirrors: await listMirrors(config, metadata.read),
    }
  })
}

/** What a server has counted by another configuration tells nothing of this one. */
async function quotasOf(config: Config, metadata: Metadata, log: Log): Promise<RegistryStatus['quotas']> {
  const rules = quotaRulesOf(config)
  const areThese = !rules.isEmpty && (await countsBy(metadata.read, rules.text))
  return {
    configured: config.quotas.length,
    fullest: areThese ? await new Quotas({ metadata, rules, log }).list(NAMED) : [],
    areCounted: areThese && (await isAllCounted(metadata.read)),
  }
}

function retentionOf({ retention: { rules, dryRun, untaggedMs } }: Config): RegistryStatus['retention'] {
  return { rules: rules.length, dryRun, untaggedMs }
}
