import { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client'
import type { Aggregator, MetricFamily, MetricValue } from './family.ts'

/**
 * Begins to measure this process: CPU, memory, descriptors, how late the event loop is. The returned function gives the present values.
 */
export function measureProcess(): () => Promise<MetricFamily[]> {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return async () => (await registry.getMetricsAsJSON()).filter(({ name }) => MEASURED.test(name)).map(asFamily)
}

/** The others are about the inside of Node, and zero or wrong under Bun. */
const MEASURED = /^(process_(?!heap_bytes)|nodejs_eventloop_lag_|nodejs_heap_size_|nodejs_external_memory_)/

/** The text that Prometheus reads: of one process, or of several as if they were one. */
export async function renderMetrics(processes: readonly (readonly MetricFamily[])[]): Promise<string> {
  return await AggregatorRegistry.aggregate([...processes]).metrics()
}

/** prom-client leaves out a start time of several processes; the oldest is when the service began. */
const AGGREGATORS: Readonly<Record<string, Aggregator>> = { process_start_time_seconds: 'min' }

function asFamily(metric: Awaited<ReturnType<Registry['getMetricsAsJSON']>>[number]): MetricFamily {
  const { name, help, aggregator } = metric
  // Its types say numbers for what its values hold as words.
  const type = metric.type as unknown as MetricFamily['type']
  const values = (metric.values as readonly MetricValue[]).filter(({ value }) => Number.isFinite(value))
  return { name, help, type, aggregator: AGGREGATORS[name] ?? (aggregator as Aggregator), values }
}
