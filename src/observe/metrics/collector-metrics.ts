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
  /** How long it took; undefined when nothing was looked at. */
  readonly tookMs?: number | undefined
  /** Links and manifests that go when their window has passed, unless a request asks for them. Now, not at the pass. */
  readonly condemned: { readonly links: number; readonly manifests: number }
  /** Why nothing is taken. */
  readonly waits?: string | undefined
  /** Undefined when the pass did not come so far. */
  readonly due?: { readonly links: number; readonly blobs: number; readonly bytes: number } | undefined
  /** Manifests without a tag, and what only they hold. */
  readonly untagged?: { readonly manifests: number; readonly bytes: number } | undefined
}

/** What the collector does, for an operator's dashboard. */
export class CollectorMetrics {
  readonly #rescued = { links: 0, manifests: 0 }
  readonly #collected = { links: 0, blobs: 0, manifests: 0, repositories: 0, bytes: 0 }

  rescued(kind: 'links' | 'manifests', count: number): void {
    this.#rescued[kind] += count
  }

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
    return [
      {
        ...{ name: 'berth_collector_removed_total', help: 'What nothing needed and the collector removed.' },
        ...{ type: 'counter', aggregator: 'sum', values: byKind(removed) },
      },
      {
        ...{ name: 'berth_collector_freed_bytes_total', help: 'Bytes of the blobs among them.' },
        ...{ type: 'counter', aggregator: 'sum', values: [{ value: bytes, labels: {} }] },
      },
      {
        ...{
          name: 'berth_collector_rescued_total',
          help: 'What was condemned and stays, because a request asked for it or builds on it.',
        },
        ...{ type: 'counter', aggregator: 'sum', values: byKind(this.#rescued) },
      },
      ...(state === undefined ? [] : stateFamilies(state)),
    ]
  }
}

function byKind(counts: Readonly<Record<string, number>>) {
  return Object.entries(counts).map(([kind, value]) => ({ value, labels: { kind } }))
}

function stateFamilies({ atMs, tookMs, condemned, waits, due, untagged }: CollectorState): MetricFamily[] {
  const shared = (name: string, help: string, value: number, labels = {}) =>
    gauge({ name, help, aggregator: 'max', value, labels })
  return [
    shared('berth_collector_pass_timestamp_seconds', 'When the last pass ended, in seconds since the epoch.', atMs / 1000),
    ...(tookMs === undefined
      ? []
      : [shared('berth_collector_pass_seconds', 'How long the last pass took that looked at everything.', tookMs / 1000)]),
    {
      ...{ name: 'berth_collector_condemned', help: 'What goes when its window has passed, unless a request asks for it.' },
      ...{ type: 'gauge', aggregator: 'max', values: byKind(condemned) },
    },
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
