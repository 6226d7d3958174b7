import type { DutyState } from '../duty-state.ts'
import { CertificateMetrics } from './certificate-metrics.ts'
import { CollectorMetrics, type CollectorState } from './collector-metrics.ts'
import { ConnectionMetrics } from './connection-metrics.ts'
import { ActionDurations, Durations } from './durations.ts'
import { dutyFamilies } from './duty-families.ts'
import { gauge, type MetricFamily } from './family.ts'
import { MirrorMetrics, type MirrorStates } from './mirror-metrics.ts'
import { type EndpointCounts, type EndpointState, notificationFamilies } from './notification-metrics.ts'
import { type QuotaState, quotaFamilies } from './quota-metrics.ts'
import { RepeatMetrics } from './repeat-metrics.ts'
import { RequestMetrics } from './request-metrics.ts'
import { ScrubMetrics, type ScrubState } from './scrub-metrics.ts'

/** What the registry as a whole knows about itself when it is asked. What did not answer is left out of the metrics. */
export interface RegistryState {
  readonly ready: boolean
  readonly scan: { readonly epoch: number; readonly complete: boolean } | undefined
  readonly counts: RegistryCounts | undefined
  readonly duties: readonly DutyState[]
  readonly space: { readonly freeBytes: number; readonly reserveBytes: number } | undefined
  /** Undefined before the first pass of the collector. */
  readonly collector: CollectorState | undefined
  /** Undefined before the first pass of the scrub. */
  readonly scrub: ScrubState | undefined
  readonly quotas: readonly QuotaState[] | undefined
  readonly mirrors: MirrorStates | undefined
  /** How far the endpoints of notifications are, and what this process has sent to them. */
  readonly endpoints: readonly EndpointState[] | undefined
  readonly sent: readonly EndpointCounts[]
}

export interface RegistryCounts {
  readonly repositories: number
  readonly scannedRepositories: number
  readonly unreadableRepositories: number
  readonly obstacles: number
  readonly openUploads: number
  readonly openClaims: number
}

/** All that is counted in one process. */
export class RegistryMetrics {
  readonly requests = new RequestMetrics()
  readonly certificates = new CertificateMetrics()
  readonly connections = new ConnectionMetrics()
  readonly collector = new CollectorMetrics()
  readonly scrub = new ScrubMetrics()
  readonly mirror = new MirrorMetrics()
  readonly repeats = new RepeatMetrics()
  readonly storage: ActionDurations
  readonly metadataWrites = new Durations({
    name: 'berth_metadata_write_seconds',
    help: 'Seconds that a metadata transaction takes, with the waiting for others.',
    labels: {},
  })
  readonly #version: string

  /** `driver` is the kind of the storage, as the configuration names it. */
  constructor(driver: string, version: string) {
    this.#version = version
    this.storage = new ActionDurations({
      name: 'registry_storage_action_seconds',
      help: 'The number of seconds that the storage action takes',
      labels: { driver },
    })
  }

  families(state: RegistryState): MetricFamily[] {
    return [
      ...this.requests.families(),
      this.storage.family(),
      this.metadataWrites.family(),
      gauge({
        name: 'berth_build_info',
        help: 'Always 1; the labels say which Berth runs, and on which Bun.',
        aggregator: 'max',
        value: 1,
        labels: { version: this.#version, bun: Bun.version },
      }),
      gauge({ name: 'berth_processes', help: 'Processes that serve this address.', aggregator: 'sum', value: 1 }),
      ...this.certificates.families(),
      ...this.connections.families(),
      ...this.collector.families(state.collector),
      ...this.scrub.families(state.scrub),
      ...this.mirror.families(state.mirrors ?? { uses: [], syncs: [] }),
      ...this.repeats.families(),
      ...dutyFamilies(state.duties),
      ...quotaFamilies(state.quotas ?? []),
      ...notificationFamilies(state.sent, state.endpoints ?? []),
      ...stateFamilies(state),
    ]
  }
}

/** Every process sees the same storage and metadata: the largest of what they saw is the newest, or as good. */
function stateFamilies({ ready, scan, counts, space }: RegistryState): MetricFamily[] {
  const help = '1 when requests should be sent here; /readyz says why not.'
  return [
    gauge({ name: 'berth_ready', help, aggregator: 'min', value: ready ? 1 : 0 }),
    ...(scan === undefined ? [] : shared(scanEntries(scan))),
    ...(counts === undefined ? [] : shared(countEntries(counts))),
    ...(space === undefined ? [] : shared(spaceEntries(space))),
  ]
}

type Entry = readonly [name: string, value: number, help: string]

function shared(entries: readonly Entry[]): MetricFamily[] {
  return entries.map(([name, value, help]) => gauge({ name, help, aggregator: 'max', value }))
}

function scanEntries({ epoch, complete }: NonNullable<RegistryState['scan']>): Entry[] {
  return [
    ['berth_epoch', epoch, 'How often metadata and storage had to be compared anew.'],
    ['berth_scan_complete', complete ? 1 : 0, '1 when all of this epoch has been compared with the storage.'],
  ]
}

function countEntries(counts: RegistryCounts): Entry[] {
  const { repositories, scannedRepositories, unreadableRepositories, obstacles, openUploads, openClaims } = counts
  return [
    ['berth_scan_repositories', repositories, 'Repositories that the metadata knows.'],
    ['berth_scan_repositories_scanned', scannedRepositories, 'Repositories compared with the storage in this epoch.'],
    ['berth_scan_repositories_unreadable', unreadableRepositories, 'Repositories that could not be read; the log has why.'],
    ['berth_collector_obstacles', obstacles, 'Directories that Berth does not know: no bytes are collected while there is one.'],
    ['berth_uploads_open', openUploads, 'Upload sessions that have not ended.'],
    ['berth_claims_open', openClaims, 'Operations between their claim and their confirmation.'],
  ]
}

function spaceEntries({ freeBytes, reserveBytes }: NonNullable<RegistryState['space']>): Entry[] {
  return [
    ['berth_storage_free_bytes', freeBytes, 'Bytes free for new content.'],
    ['berth_storage_reserve_bytes', reserveBytes, 'Bytes that stay free: below, uploads are refused.'],
  ]
}
