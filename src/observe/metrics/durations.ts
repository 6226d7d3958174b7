import type { Labels, MetricFamily } from './family.ts'
import { Histogram, histogramFamily } from './histogram.ts'

/** Prometheus' default buckets, in seconds, and shorter ones: most of what is timed here never leaves the memory of the machine. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

interface DurationOptions {
  readonly name: string
  readonly help: string
  /** In every series. */
  readonly labels: Labels
}

/** How long one thing takes. */
export class Durations {
  readonly #options: DurationOptions
  readonly #histogram = new Histogram(SECONDS)

  constructor(options: DurationOptions) {
    this.#options = options
  }

  /** Runs it and counts how long it took, whether it succeeds or fails. */
  async time<Result>(run: () => Promise<Result>): Promise<Result> {
    return await timeInto(this.#histogram, run)
  }

  family(): MetricFamily {
    const { name, help, labels } = this.#options
    return histogramFamily(name, help, [{ labels, histogram: this.#histogram }])
  }
}

/** How long several actions take; the label `action` tells them apart. */
export class ActionDurations {
  readonly #options: DurationOptions
  readonly #histograms = new Map<string, Histogram>()

  constructor(options: DurationOptions) {
    this.#options = options
  }

  async time<Result>(action: string, run: () => Promise<Result>): Promise<Result> {
    let histogram = this.#histograms.get(action)
    if (histogram === undefined) {
      histogram = new Histogram(SECONDS)
      this.#histograms.set(action, histogram)
    }
    return await timeInto(histogram, run)
  }

  family(): MetricFamily {
    const { name, help, labels } = this.#options
    const series = [...this.#histograms].map(([action, histogram]) => ({ labels: { ...labels, action }, histogram }))
    return histogramFamily(name, help, series)
  }
}

async function timeInto<Result>(histogram: Histogram, run: () => Promise<Result>): Promise<Result> {
  const startedAt = performance.now()
  try {
    return await run()
  } finally {
    histogram.observe((performance.now() - startedAt) / 1000)
  }
}
