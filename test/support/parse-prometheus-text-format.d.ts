declare module 'parse-prometheus-text-format' {
  export interface ParsedFamily {
    readonly name: string
    readonly help: string
    readonly type: string
    readonly metrics: readonly ParsedMetric[]
  }

  export interface ParsedMetric {
    readonly labels?: Readonly<Record<string, string>>
    /** Of counters and gauges. */
    readonly value?: string
    /** Of histograms: how many values each upper bound holds. */
    readonly buckets?: Readonly<Record<string, string>>
    readonly count?: string
    readonly sum?: string
  }

  function parse(text: string): readonly ParsedFamily[]
  export = parse
}
