import type { RequestObserver } from '../exchange.ts'
import type { Log, LogOutput } from '../log.ts'
import { otlpSender } from './otlp-sender.ts'
import { RequestTracer } from './request-tracer.ts'
import type { TracingSettings } from './settings.ts'
import type { Span } from './span.ts'
import { SpanQueue } from './span-queue.ts'

/** Requests as traces, until it is stopped. */
export interface Tracing {
  readonly observer: RequestObserver
  /** Sends what waits. */
  stop(): Promise<void>
}

export interface TracingOptions {
  readonly settings: TracingSettings
  readonly version: string
  readonly log: Log
  /** Where the console exporter writes. */
  readonly output: LogOutput
}

export function startTracing({ settings, version, log, output }: TracingOptions): Tracing {
  const { exporter, sampler, queue } = settings
  const resource = { ...settings.resource, 'service.version': version, 'process.pid': String(process.pid) }
  const send = exporter.kind === 'otlp' ? otlpSender({ ...exporter, resource, log }) : consoleSender(output)
  const spans = new SpanQueue({ ...queue, send })
  return {
    observer: new RequestTracer(sampler, (span) => spans.add(span)),
    stop: async () => {
      await spans.stop()
      if (spans.dropped > 0) log.warn('traces were dropped', { spans: spans.dropped })
    },
  }
}

function consoleSender(output: LogOutput): (spans: readonly Span[]) => Promise<'done'> {
  return async (spans) => {
    for (const span of spans) output.write(`${JSON.stringify(span)}\n`)
    return 'done'
  }
}
