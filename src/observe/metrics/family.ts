/** One metric with all its series, as plain data: what prom-client gives as JSON, and can be sent to another process. */
export interface MetricFamily {
  readonly name: string
  readonly help: string
  readonly type: MetricType
  /** How the same series of several processes become one. */
  readonly aggregator: Aggregator
  readonly values: readonly MetricValue[]
}

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary'
export type Aggregator = 'sum' | 'first' | 'min' | 'max' | 'average'

export interface MetricValue {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
  /** Of a histogram: the name with `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string
}

export type Labels = Readonly<Record<string, string>>

interface GaugeOptions {
  readonly name: string
  readonly help: string
  /** 'max' for what every process sees alike. */
  readonly aggregator: Aggregator
  readonly value: number
  readonly labels?: Labels
}

export function gauge({ name, help, aggregator, value, labels = {} }: GaugeOptions): MetricFamily {
  return { name, help, type: 'gauge', aggregator, values: [{ value, labels }] }
}
