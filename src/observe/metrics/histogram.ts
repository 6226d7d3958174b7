import type { Labels, MetricFamily, MetricValue } from './family.ts'

/** One series of a histogram. An observation is a few comparisons and allocates nothing. */
export class Histogram {
  readonly #bounds: readonly number[]
  /** One more than there are bounds: the last one is for what exceeds them all. */
  readonly #counts: Float64Array
  #sum = 0

  /** `bounds` ascend. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    let bucket = 0
    while (value > (this.#bounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#sum += value
  }

  /** Buckets that add up, as Prometheus wants them. */
  values(name: string, labels: Labels): MetricValue[] {
    const metricName = `${name}_bucket`
    let below = 0
    const buckets = this.#bounds.map((le, index): MetricValue => {
      below += this.#counts[index] ?? 0
      return { value: below, labels: { ...labels, le }, metricName }
    })
    const all = below + (this.#counts[this.#bounds.length] ?? 0)
    return [
      ...buckets,
      { value: all, labels: { ...labels, le: '+Inf' }, metricName },
      { value: this.#sum, labels, metricName: `${name}_sum` },
      { value: all, labels, metricName: `${name}_count` },
    ]
  }
}

export interface LabelledHistogram {
  readonly labels: Labels
  readonly histogram: Histogram
}

export function histogramFamily(name: string, help: string, series: readonly LabelledHistogram[]): MetricFamily {
  const values = series.flatMap(({ labels, histogram }) => histogram.values(name, labels))
  return { name, help, type: 'histogram', aggregator: 'sum', values }
}
