import type { Exchange, RequestObserver } from './exchange.ts'
import type { LogFields } from './log.ts'

const LONGEST_TARGET = 2000

/**
 * A line for each login that failed, for each denial, and for each write: who, from where, what, with which result. A write is what others
 * can see afterwards: the steps of an upload are not, its end is.
 */
export class AuditLog implements RequestObserver {
  readonly #write: (message: string, fields: LogFields) => void

  constructor(write: (message: string, fields: LogFields) => void) {
    this.#write = write
  }

  ended(exchange: Exchange): void {
    const event = eventOf(exchange)
    if (event === undefined) return
    const { request, target, client, proxy, caller, status, errorCode, denial, requestId } = exchange
    this.#write(event, {
      user: caller,
      claimed: denial?.claimed?.slice(0, LONGEST_TARGET),
      client,
      proxy,
      method: request.method,
      path: target.slice(0, LONGEST_TARGET),
      status,
      code: errorCode,
      reason: denial?.reason,
      requestId,
    })
  }
}

function eventOf({ request, handler, caller, status, denial }: Exchange): string | undefined {
  // A request that only asks how to log in is no failed login.
  if (denial !== undefined) return denial.reason === undefined ? undefined : failureOf(status, caller)
  if (handler === undefined || status >= 400) return undefined
  const isWrite =
    request.method === 'PUT' ||
    request.method === 'DELETE' ||
    (request.method === 'POST' && (status === 201 || handler === 'api'))
  return isWrite ? 'write' : undefined
}

function failureOf(status: number, caller: string | undefined): string {
  return caller === undefined && (status === 401 || status === 429) ? 'authentication failed' : 'denied'
}
