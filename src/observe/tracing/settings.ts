export type TraceExporter =
  | { readonly kind: 'console' }
  | {
      readonly kind: 'otlp'
      /** Where spans are posted. */
      readonly url: string
      readonly headers: Readonly<Record<string, string>>
      readonly timeoutMs: number
    }

export interface TracingSettings {
  readonly exporter: TraceExporter
  /** The attributes of this service, `service.name` among them. */
  readonly resource: Readonly<Record<string, string>>
  readonly sampler: Sampler
  readonly queue: { readonly delayMs: number; readonly maxSpans: number; readonly maxBatch: number }
}

export interface Sampler {
  /** What the caller decided is kept to. */
  readonly followsParent: boolean
  /** The share of traces to record where the client has not decided, from 0 to 1. */
  readonly ratio: number
}

export interface TracingChoice {
  /** Undefined: tracing is off. */
  readonly settings: TracingSettings | undefined
  /** What was asked for and is not done, one sentence each. */
  readonly notices: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>

/** Reads the usual OTEL_* variables. Off unless an exporter or an endpoint is named; registry:3 is on unless it is told not to be. */
export function readTracing(environment: Environment): TracingChoice {
  const notices: string[] = []
  const exporter = readExporter(environment, notices)
  if (exporter === undefined || environment.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return { settings: undefined, notices }
  const settings: TracingSettings = {
    exporter,
    resource: readResource(environment),
    sampler: readSampler(environment, notices),
    queue: {
      delayMs: readNumber(environment, 'OTEL_BSP_SCHEDULE_DELAY', 5_000, notices),
      maxSpans: readNumber(environment, 'OTEL_BSP_MAX_QUEUE_SIZE', 2_048, notices),
      maxBatch: readNumber(environment, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512, notices),
    },
  }
  return { settings, notices }
}

function readExporter(environment: Environment, notices: string[]): TraceExporter | undefined {
  const endpoint = environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || environment.OTEL_EXPORTER_OTLP_ENDPOINT
  const name = environment.OTEL_TRACES_EXPORTER || (endpoint ? 'otlp' : 'none')
  switch (name) {
    case 'none':
      return undefined
    case 'console':
      return { kind: 'console' }
    case 'otlp':
      return readOtlp(environment, notices)
    default:
      notices.push(`OTEL_TRACES_EXPORTER is ${name}; Berth knows otlp, console and none, and sends no traces.`)
      return undefined
  }
}

function readOtlp(environment: Environment, notices: string[]): TraceExporter | undefined {
  const protocol = environment.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || environment.OTEL_EXPORTER_OTLP_PROTOCOL || 'http/json'
  if (protocol === 'grpc') {
    notices.push(
      'OTEL_EXPORTER_OTLP_PROTOCOL is grpc; Berth speaks OTLP over HTTP (port 4318 of a collector) and sends no traces.',
    )
    return undefined
  }
  const base = environment.OTEL_EXPORTER_OTLP_ENDPOINT || 'http://localhost:4318'
  const url = environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || `${base.replace(/\/$/, '')}/v1/traces`
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    notices.push('The OTLP endpoint is not an http or https address; Berth sends no traces.')
    return undefined
  }
  const headers = environment.OTEL_EXPORTER_OTLP_TRACES_HEADERS || environment.OTEL_EXPORTER_OTLP_HEADERS || ''
  return {
    kind: 'otlp',
    url,
    headers: readPairs(headers),
    timeoutMs: readNumber(environment, 'OTEL_EXPORTER_OTLP_TIMEOUT', 10_000, notices),
  }
}

function readResource(environment: Environment): Record<string, string> {
  const attributes = readPairs(environment.OTEL_RESOURCE_ATTRIBUTES ?? '')
  return { 'service.name': environment.OTEL_SERVICE_NAME || attributes['service.name'] || 'berth', ...without(attributes) }
}

function without({ 'service.name': _name, ...attributes }: Record<string, string>): Record<string, string> {
  return attributes
}

function readSampler(environment: Environment, notices: string[]): Sampler {
  const name = environment.OTEL_TRACES_SAMPLER || 'parentbased_always_on'
  const followsParent = name.startsWith('parentbased_')
  switch (name.replace('parentbased_', '')) {
    case 'always_on':
      return { followsParent, ratio: 1 }
    case 'always_off':
      return { followsParent, ratio: 0 }
    case 'traceidratio':
      return { followsParent, ratio: readNumber(environment, 'OTEL_TRACES_SAMPLER_ARG', 1, notices) }
    default:
      notices.push(`OTEL_TRACES_SAMPLER is ${name}, which Berth does not know; every trace is recorded.`)
      return { followsParent: true, ratio: 1 }
  }
}

function readNumber(environment: Environment, name: string, usual: number, notices: string[]): number {
  const text = environment[name]
  if (text === undefined || text === '') return usual
  const value = Number(text)
  if (Number.isFinite(value) && value >= 0) return value
  notices.push(`${name} is not a number; ${usual} is used.`)
  return usual
}

/** `key=value,key=value`, percent-encoded. */
function readPairs(text: string): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const pair of text.split(',')) {
    const equals = pair.indexOf('=')
    if (equals > 0) pairs[pair.slice(0, equals).trim()] = decoded(pair.slice(equals + 1).trim())
  }
  return pairs
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
