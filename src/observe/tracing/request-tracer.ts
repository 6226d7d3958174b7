import type { Exchange, HandlerName, RequestObserver } from '../exchange.ts'
import type { Sampler } from './settings.ts'
import { attributes, SERVER_KIND, type Span, STATUS_ERROR } from './span.ts'
import { newSpanId, newTraceId, parseTraceparent, type TraceContext } from './trace-context.ts'

/** Names stay out of the spans: they are unbounded in number, and may be confidential. */
const ROUTES: Readonly<Record<HandlerName, string>> = {
  api: '/api/v1/',
  base: '/v2/',
  blob: '/v2/{name}/blobs/{digest}',
  blob_upload: '/v2/{name}/blobs/uploads/',
  blob_upload_chunk: '/v2/{name}/blobs/uploads/{uuid}',
  catalog: '/v2/_catalog',
  manifest: '/v2/{name}/manifests/{reference}',
  page: '/ui/',
  referrers: '/v2/{name}/referrers/{digest}',
  root: '/',
  search: '/v1/',
  tags: '/v2/{name}/tags/list',
  token: '/v2/token',
}

const LONGEST_TRACE_STATE = 512

/** Makes a span of each request that is sampled. */
export class RequestTracer implements RequestObserver {
  readonly #sampler: Sampler
  readonly #take: (span: Span) => void

  constructor(sampler: Sampler, take: (span: Span) => void) {
    this.#sampler = sampler
    this.#take = take
  }

  ended(exchange: Exchange): void {
    const { headers } = exchange.request
    const parent = parseTraceparent(headers.get('traceparent'))
    if (!this.#isSampled(parent)) return
    const traceState = parent === undefined ? null : headers.get('tracestate')
    this.#take({
      traceId: parent?.traceId ?? newTraceId(),
      spanId: newSpanId(),
      ...(parent === undefined ? {} : { parentSpanId: parent.spanId }),
      ...(traceState === null || traceState.length > LONGEST_TRACE_STATE ? {} : { traceState }),
      ...describe(exchange),
    })
  }

  /** A decision by the id of a trace is the same in every service; a trace that begins here has a random id. */
  #isSampled(parent: TraceContext | undefined): boolean {
    const { followsParent, ratio } = this.#sampler
    if (parent === undefined) return Math.random() < ratio
    return followsParent ? parent.isSampled : Number.parseInt(parent.traceId.slice(-12), 16) < ratio * 2 ** 48
  }
}

function describe(exchange: Exchange): Omit<Span, 'traceId' | 'spanId'> {
  const { request, handler, status, errorCode, requestId, startedAtMs, durationMs } = exchange
  const route = handler === undefined ? undefined : ROUTES[handler]
  return {
    name: route === undefined ? request.method : `${request.method} ${route}`,
    kind: SERVER_KIND,
    startTimeUnixNano: (startedAtMs * 1e6).toFixed(0),
    endTimeUnixNano: ((startedAtMs + durationMs) * 1e6).toFixed(0),
    attributes: attributes({
      'http.request.method': request.method,
      'http.route': route,
      'http.response.status_code': status,
      'http.response.body.size': exchange.answeredBytes,
      'error.type': errorCode,
      'berth.request_id': requestId,
    }),
    status: status >= 500 ? { code: STATUS_ERROR } : {},
  }
}
