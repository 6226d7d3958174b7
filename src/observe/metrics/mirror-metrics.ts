import type { MetricFamily } from './family.ts'

/** How much of its size a mirror has taken. */
export interface MirrorUse {
  /** Its prefix, or `proxy`. */
  readonly mirror: string
  readonly usedBytes: number
  readonly sizeBytes: number
}

/** How what a mirror brings unasked is. Times are of the wall clock. */
export interface MirrorSyncState {
  /** Its prefix. */
  readonly mirror: string
  readonly isRunning: boolean
  /** When the last run ended that brought all; undefined: none has. */
  readonly wholeAtMs: number | undefined
  /** Tags and repositories of the last run that failed, and whether it ended before it had looked at all. */
  readonly failed: number
  readonly endedEarly: boolean
  /** That it has brought. */
  readonly bytes: number
}

/** What the metadata tells of mirrors. */
export interface MirrorStates {
  /** Of those that have a size. */
  readonly uses: readonly MirrorUse[]
  /** Of those that have a rule, and have begun. */
  readonly syncs: readonly MirrorSyncState[]
}

type Counts = Record<'blobs' | 'bytes' | 'stale' | 'evictedImages' | 'evictedBytes', number>

const NONE: Counts = { blobs: 0, bytes: 0, stale: 0, evictedImages: 0, evictedBytes: 0 }

/** What this process fetches from other registries, by their addresses. Nothing is shown where there is none. */
export class MirrorMetrics {
  readonly #upstreams = new Map<string, Counts & { isLeftAlone: boolean }>()

  /** Of the configuration, and so a few. */
  add(upstream: string): void {
    this.#upstreams.set(upstream, { ...NONE, isLeftAlone: false })
  }

  fetched(upstream: string, bytes: number): void {
    const counts = this.#upstreams.get(upstream)
    if (counts === undefined) return
    counts.blobs += 1
    counts.bytes += bytes
  }

  servedStale(upstream: string): void {
    const counts = this.#upstreams.get(upstream)
    if (counts !== undefined) counts.stale += 1
  }

  evicted(upstream: string, images: number, bytes: number): void {
    const counts = this.#upstreams.get(upstream)
    if (counts === undefined) return
    counts.evictedImages += images
    counts.evictedBytes += bytes
  }

  leftAlone(upstream: string, isLeftAlone: boolean): void {
    const counts = this.#upstreams.get(upstream)
    if (counts !== undefined) counts.isLeftAlone = isLeftAlone
  }

  families({ uses, syncs }: MirrorStates): MetricFamily[] {
    if (this.#upstreams.size === 0) return []
    const all = [...this.#upstreams]
    const counter = (name: string, help: string, key: keyof Counts): MetricFamily => ({
      ...{ name, help, type: 'counter', aggregator: 'sum' },
      values: all.map(([upstream, counts]) => ({ value: counts[key], labels: { upstream } })),
    })
    return [
      counter('berth_mirror_fetched_blobs_total', 'Blobs that came from another registry.', 'blobs'),
      counter('berth_mirror_fetched_bytes_total', 'Bytes of these blobs.', 'bytes'),
      counter('berth_mirror_stale_total', 'Answers with what is here, because the other registry gave none.', 'stale'),
      counter('berth_mirror_evicted_images_total', 'Images that went for the size of a mirror, or unused.', 'evictedImages'),
      counter('berth_mirror_evicted_bytes_total', 'Bytes that went with these images.', 'evictedBytes'),
      {
        name: 'berth_mirror_upstream_left_alone',
        help: '1 while a registry that failed several times in a row is not asked.',
        ...{ type: 'gauge', aggregator: 'max' },
        values: all.map(([upstream, { isLeftAlone }]) => ({ value: isLeftAlone ? 1 : 0, labels: { upstream } })),
      },
      ...(uses.length === 0 ? [] : useFamilies(uses)),
      ...(syncs.length === 0 ? [] : syncFamilies(syncs)),
    ]
  }
}

/** All processes see the same database, so the largest value is the newest one. */
function useFamilies(uses: readonly MirrorUse[]): MetricFamily[] {
  const family = (name: string, help: string, key: 'usedBytes' | 'sizeBytes'): MetricFamily => ({
    ...{ name, help, type: 'gauge', aggregator: 'max' },
    values: uses.map((use) => ({ value: use[key], labels: { mirror: use.mirror } })),
  })
  return [
    family('berth_mirror_bytes', 'Bytes that a mirror holds, each blob once.', 'usedBytes'),
    family('berth_mirror_size_bytes', 'So many it is to hold.', 'sizeBytes'),
  ]
}

/** As above. */
function syncFamilies(syncs: readonly MirrorSyncState[]): MetricFamily[] {
  const family = (name: string, help: string, read: (state: MirrorSyncState) => number): MetricFamily => ({
    ...{ name, help, type: 'gauge', aggregator: 'max' },
    values: syncs.map((state) => ({ value: read(state), labels: { mirror: state.mirror } })),
  })
  return [
    family('berth_mirror_sync_running', '1 while what a rule names is brought.', ({ isRunning }) => (isRunning ? 1 : 0)),
    family(
      'berth_mirror_sync_whole_timestamp_seconds',
      'When the last run ended that brought all; 0: none has.',
      ({ wholeAtMs }) => (wholeAtMs ?? 0) / 1000,
    ),
    family(
      'berth_mirror_sync_failed',
      'Tags and repositories that the last run did not bring, and 1 where it ended early.',
      ({ failed, endedEarly }) => failed + (endedEarly ? 1 : 0),
    ),
    family('berth_mirror_sync_bytes', 'Bytes that the last run has brought.', ({ bytes }) => bytes),
  ]
}
