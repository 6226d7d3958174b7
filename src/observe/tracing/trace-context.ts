/** The trace that a request belongs to (W3C Trace Context). */
export interface TraceContext {
  readonly traceId: string
  /** The caller's span. */
  readonly spanId: string
  readonly isSampled: boolean
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Undefined when the header is absent or not valid: then a new trace begins. */
export function parseTraceparent(text: string | null): TraceContext | undefined {
  const [, version, traceId, spanId, flags, rest] = TRACEPARENT.exec(text ?? '') ?? []
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

export function newTraceId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex()
}

export function newSpanId(): string {
  return crypto.getRandomValues(new Uint8Array(8)).toHex()
}
