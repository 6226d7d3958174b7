import type { MetricFamily } from './family.ts'

/** How much of its size a mirror has taken. */
export interface MirrorUse {
  /** Its prefix, or `proxy`. */
  readonly mirror: string
  readonly usedBytes: number
  readonly sizeBytes: number
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

  families(uses: readonly MirrorUse[]): MetricFamily[] {
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
