import type { MetricFamily } from './family.ts'

/** What this process fetches from other registries, by their addresses. Nothing is shown where there is none. */
export class MirrorMetrics {
  readonly #upstreams = new Map<string, { blobs: number; bytes: number; stale: number; isLeftAlone: boolean }>()

  /** Of the configuration, and so a few. */
  add(upstream: string): void {
    this.#upstreams.set(upstream, { blobs: 0, bytes: 0, stale: 0, isLeftAlone: false })
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

  leftAlone(upstream: string, isLeftAlone: boolean): void {
    const counts = this.#upstreams.get(upstream)
    if (counts !== undefined) counts.isLeftAlone = isLeftAlone
  }

  families(): MetricFamily[] {
    if (this.#upstreams.size === 0) return []
    const all = [...this.#upstreams]
    const counter = (name: string, help: string, key: 'blobs' | 'bytes' | 'stale'): MetricFamily => ({
      ...{ name, help, type: 'counter', aggregator: 'sum' },
      values: all.map(([upstream, counts]) => ({ value: counts[key], labels: { upstream } })),
    })
    return [
      counter('berth_mirror_fetched_blobs_total', 'Blobs that came from another registry.', 'blobs'),
      counter('berth_mirror_fetched_bytes_total', 'Bytes of these blobs.', 'bytes'),
      counter('berth_mirror_stale_total', 'Answers with what is here, because the other registry gave none.', 'stale'),
      {
        name: 'berth_mirror_upstream_left_alone',
        help: '1 while a registry that failed several times in a row is not asked.',
        ...{ type: 'gauge', aggregator: 'max' },
        values: all.map(([upstream, { isLeftAlone }]) => ({ value: isLeftAlone ? 1 : 0, labels: { upstream } })),
      },
    ]
  }
}
