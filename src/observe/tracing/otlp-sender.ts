import type { Log } from '../log.ts'
import { attributes, type Span } from './span.ts'

export interface OtlpSenderOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly resource: Readonly<Record<string, string>>
  readonly log: Log
}

/** The collector is busy or away: the specification says to try again. */
const AGAIN = new Set([429, 502, 503, 504])

/** Posts spans as OTLP/JSON. A collector that is away costs one line in the log until it is back. */
export function otlpSender(options: OtlpSenderOptions): (spans: readonly Span[]) => Promise<'done' | 'again'> {
  const { url, log } = options
  let isAway = false
  return async (spans) => {
    const failure = await post(options, spans)
    if (failure === undefined) {
      if (isAway) log.info('traces are taken again', { url })
      isAway = false
      return 'done'
    }
    if (!isAway) log.warn('traces are not taken', { url, reason: failure.reason })
    isAway = true
    return failure.again ? 'again' : 'done'
  }
}

interface Failure {
  readonly reason: string
  readonly again: boolean
}

async function post(options: OtlpSenderOptions, spans: readonly Span[]): Promise<Failure | undefined> {
  const { url, headers, timeoutMs, resource } = options
  const body = JSON.stringify(tracesData(resource, spans))
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    })
    await response.body?.cancel()
    if (response.ok) return undefined
    return { reason: `the collector answers ${response.status}`, again: AGAIN.has(response.status) }
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error), again: true }
  }
}

/** The message `TracesData` of the OpenTelemetry protocol. */
export function tracesData(resource: Readonly<Record<string, string>>, spans: readonly Span[]): object {
  return {
    resourceSpans: [{ resource: { attributes: attributes(resource) }, scopeSpans: [{ scope: { name: 'berth' }, spans }] }],
  }
}
