import { gauge, type MetricFamily } from './family.ts'

/** What the collector of this process took. */
export interface CollectedContent {
  readonly links: number
  readonly blobs: number
  readonly manifests: number
  readonly repositories: number
  readonly bytes: number
}

/** What its last pass found, whichever process made it. */
export interface CollectorState {
  /** By the wall clock. */
  readonly atMs: number
  /** Why nothing is taken. */
  readonly waits?: string | undefined
  /** Undefined when the pass did not come so far. */
  readonly due?: { readonly links: number; readonly blobs: number; readonly bytes: number } | undefined
  /** Manifests without a tag, and what only they hold. */
  readonly untagged?: { readonly manifests: number; readonly bytes: number } | undefined
}

/** What the collector does, for an operator's dashboard. */
export class CollectorMetrics {
  readonly #collected = { links: 0, blobs: 0, manifests: 0, repositories: 0, bytes: 0 }

  collected({ links, blobs, manifests, repositories, bytes }: CollectedContent): void {
    this.#collected.links += links
    this.#collected.blobs += blobs
    this.#collected.manifests += manifests
    this.#collected.repositories += repositories
    this.#collected.bytes += bytes
  }

  /** `state` is undefined before the first pass. */
  families(state: CollectorState | undefined): MetricFamily[] {
    const { bytes, ...removed } = this.#collected
    const kinds = Object.entries(removed).map(([kind, value]) => ({ value, labels: { kind } }))
    return [
      {
        ...{ name: 'berth_collector_removed_total', help: 'What nothing needed and the collector removed.' },
        ...{ type: 'counter', aggregator: 'sum', values: kinds },
      },
      {
        ...{ name: 'berth_collector_freed_bytes_total', help: 'Bytes of the blobs among them.' },
        ...{ type: 'counter', aggregator: 'sum', values: [{ value: bytes, labels: {} }] },
      },
      ...(state === undefined ? [] : stateFamilies(state)),
    ]
  }
}

function stateFamilies({ atMs, waits, due, untagged }: CollectorState): MetricFamily[] {
  const shared = (name: string, help: string, value: number, labels = {}) =>
    gauge({ name, help, aggregator: 'max', value, labels })
  return [
    shared('berth_collector_pass_timestamp_seconds', 'When the last pass ended, in seconds since the epoch.', atMs / 1000),
    ...(waits === undefined ? [] : [shared('berth_collector_waits', 'Always 1; why nothing is taken.', 1, { reason: waits })]),
    ...(due === undefined
      ? []
      : [shared('berth_collector_due_bytes', 'Bytes that nothing needed at the last pass, and that were due.', due.bytes)]),
    ...(untagged === undefined
      ? []
      : [
          shared('berth_collector_untagged_manifests', 'Manifests to which no tag leads; they stay.', untagged.manifests),
          shared('berth_collector_untagged_bytes', 'Bytes that only these manifests hold.', untagged.bytes),
        ]),
  ]
}
