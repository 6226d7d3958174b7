import type { Exchange, HandlerName, RequestObserver } from '../exchange.ts'
import type { MetricFamily, MetricValue } from './family.ts'
import { Histogram, histogramFamily, type LabelledHistogram } from './histogram.ts'

/** registry:2's buckets: seconds, and bytes from 1 KiB to 2 GiB. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60]
const BYTES = Array.from({ length: 22 }, (_, power) => 1024 * 2 ** power)

const HANDLERS: readonly HandlerName[] = [
  'api',
  'base',
  'blob',
  'blob_upload',
  'blob_upload_chunk',
  'catalog',
  'manifest',
  'page',
  'referrers',
  'search',
  'tags',
  'token',
]

/** Counts what registry:2 counts about requests, under its names. `/` is left out, as there. */
export class RequestMetrics implements RequestObserver {
  readonly #handlers: ReadonlyMap<string, HandlerMetrics>

  constructor() {
    this.#handlers = new Map(HANDLERS.map((handler) => [handler, new HandlerMetrics()]))
  }

  routed(handler: HandlerName): void {
    const metrics = this.#handlers.get(handler)
    if (metrics !== undefined) metrics.inFlight += 1
  }

  ended(exchange: Exchange): void {
    const metrics = this.#handlers.get(exchange.handler ?? '')
    if (metrics === undefined) return
    metrics.inFlight -= 1
    metrics.methodOf(exchange.request.method).count(exchange.status, exchange.durationMs / 1000)
    metrics.requestBytes.observe(Number(exchange.request.headers.get('content-length') ?? 0))
    metrics.answerBytes.observe(exchange.answeredBytes ?? 0)
  }

  families(): MetricFamily[] {
    const all = [...this.#handlers]
    const used = all.filter(([, { methods }]) => methods.size > 0)
    const durations = used.flatMap(([handler, metrics]) => durationsOf(handler, metrics))
    const sizes = (of: (metrics: HandlerMetrics) => Histogram) =>
      used.map(([handler, metrics]) => ({ labels: { handler }, histogram: of(metrics) }))
    return [
      counter(used.flatMap(([handler, metrics]) => countsOf(handler, metrics))),
      histogramFamily('registry_http_request_duration_seconds', 'The HTTP request latencies in seconds.', durations),
      histogramFamily('registry_http_request_size_bytes', 'The HTTP request sizes in bytes.', sizes(requestBytesOf)),
      histogramFamily('registry_http_response_size_bytes', 'The HTTP response sizes in bytes.', sizes(answerBytesOf)),
      inFlight(all.map(([handler, metrics]) => ({ value: metrics.inFlight, labels: { handler } }))),
    ]
  }
}

function counter(values: readonly MetricValue[]): MetricFamily {
  const name = 'registry_http_requests_total'
  return { name, help: 'Total number of HTTP requests made.', type: 'counter', aggregator: 'sum', values }
}

function inFlight(values: readonly MetricValue[]): MetricFamily {
  const name = 'registry_http_in_flight_requests'
  return { name, help: 'The in-flight HTTP requests', type: 'gauge', aggregator: 'sum', values }
}

function durationsOf(handler: string, { methods }: HandlerMetrics): LabelledHistogram[] {
  return [...methods].map(([method, { seconds }]) => ({
    labels: { handler, method: method.toLowerCase() },
    histogram: seconds,
  }))
}

function countsOf(handler: string, { methods }: HandlerMetrics): MetricValue[] {
  return [...methods].flatMap(([method, { statuses }]) =>
    [...statuses].map(([status, value]) => ({
      value,
      labels: { handler, method: method.toLowerCase(), code: String(status) },
    })),
  )
}

function requestBytesOf(metrics: HandlerMetrics): Histogram {
  return metrics.requestBytes
}

function answerBytesOf(metrics: HandlerMetrics): Histogram {
  return metrics.answerBytes
}

/** Any other method is one series: a client must not be able to make new ones. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

class HandlerMetrics {
  inFlight = 0
  readonly requestBytes = new Histogram(BYTES)
  readonly answerBytes = new Histogram(BYTES)
  readonly methods = new Map<string, MethodMetrics>()

  methodOf(method: string): MethodMetrics {
    const name = METHODS.has(method) ? method : 'unknown'
    let metrics = this.methods.get(name)
    if (metrics === undefined) {
      metrics = new MethodMetrics()
      this.methods.set(name, metrics)
    }
    return metrics
  }
}

class MethodMetrics {
  readonly seconds = new Histogram(SECONDS)
  readonly statuses = new Map<number, number>()

  count(status: number, seconds: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    this.seconds.observe(seconds)
  }
}
