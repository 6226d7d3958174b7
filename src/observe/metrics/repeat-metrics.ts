import type { MetricFamily } from './family.ts'

/** What this process made right after requests to the object store that came a second time. */
export class RepeatMetrics {
  readonly #repaired = { tag: 0, link: 0, manifest: 0 }

  repaired(kind: 'tag' | 'link' | 'manifest'): void {
    this.#repaired[kind] += 1
  }

  families(): MetricFamily[] {
    return [
      {
        ...{
          name: 'berth_storage_repeats_repaired_total',
          help: 'Changes that a request delivered twice had undone, made again.',
        },
        ...{ type: 'counter', aggregator: 'sum' },
        values: Object.entries(this.#repaired).map(([kind, value]) => ({ value, labels: { kind } })),
      },
    ]
  }
}
