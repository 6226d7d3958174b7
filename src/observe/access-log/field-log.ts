import type { Exchange, RequestObserver } from '../exchange.ts'
import type { LogFields } from '../log.ts'

const LONGEST_TARGET = 2000

/** A line for each request whose facts are fields, in whatever form the log has. */
export class FieldLog implements RequestObserver {
  readonly #write: (message: string, fields: LogFields) => void

  constructor(write: (message: string, fields: LogFields) => void) {
    this.#write = write
  }

  ended(exchange: Exchange): void {
    const { request, target, client, proxy, caller, status, errorCode, durationMs, requestId } = exchange
    this.#write('request', {
      method: request.method,
      path: target.slice(0, LONGEST_TARGET),
      status,
      bytes: exchange.answeredBytes,
      durationMs: Math.round(durationMs * 1000) / 1000,
      client,
      proxy,
      user: caller,
      forwardedFor: request.headers.get('x-forwarded-for') ?? undefined,
      referer: request.headers.get('referer') ?? undefined,
      userAgent: request.headers.get('user-agent') ?? undefined,
      code: errorCode,
      requestId,
    })
  }
}

/**
 * A line for each error that a client was told about, because it names a request id, and the combined form has no place for that.
 * Everyday answers to HEAD ('you must push this') carry no text, so that no client can ask about one.
 */
export class RefusalLog implements RequestObserver {
  readonly #write: (message: string, fields: LogFields) => void

  constructor(write: (message: string, fields: LogFields) => void) {
    this.#write = write
  }

  ended({ request, target, client, status, errorCode, denial, requestId }: Exchange): void {
    // What was denied for a reason has its line in the audit.
    if (errorCode === undefined || request.method === 'HEAD' || denial?.reason !== undefined) return
    const path = target.slice(0, LONGEST_TARGET)
    this.#write('request refused', { method: request.method, path, status, code: errorCode, client, requestId })
  }
}
