import { UpstreamFailure } from './upstream-failure.ts'

/** After this many failures in a row a server is left alone. */
export const FAILURES_IN_A_ROW = 5
export const FIRST_PAUSE_MS = 5_000
export const LONGEST_PAUSE_MS = 60_000

export interface CircuitOptions {
  /** Called with the last failure when the server is left alone, and with undefined when it answers again. */
  readonly onChange?: ((failure: UpstreamFailure | undefined) => void) | undefined
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
}

/**
 * A circuit breaker: a server that has failed several times in a row is left alone for a while, and requests get its last failure at once
 * instead of waiting for another one. After the pause one request tries the server, while the others still get the last failure; if it
 * succeeds, all requests go to the server again, otherwise the next pause is twice as long.
 */
export class Circuit {
  readonly #onChange: (failure: UpstreamFailure | undefined) => void
  readonly #now: () => number
  #failures = 0
  #pauseMs = FIRST_PAUSE_MS
  /** Set while the server is left alone. */
  #open: { readonly failure: UpstreamFailure; readonly untilMs: number; isTried: boolean } | undefined

  constructor({ onChange = () => undefined, now = () => performance.now() }: CircuitOptions = {}) {
    this.#onChange = onChange
    this.#now = now
  }

  /** Asks the server, or throws its last failure. `failureIn` tells whether a result counts as a failure; an UpstreamFailure that may pass does. */
  async ask<Result>(ask: () => Promise<Result>, failureIn: (result: Result) => UpstreamFailure | undefined): Promise<Result> {
    const open = this.#open
    if (open !== undefined) {
      const leftMs = open.untilMs - this.#now()
      if (leftMs > 0 || open.isTried) throw leftAlone(open.failure, leftMs)
      open.isTried = true
    }
    try {
      const result = await ask()
      this.#count(failureIn(result))
      return result
    } catch (error) {
      if (error instanceof UpstreamFailure) this.#count(error.mayPass ? error : undefined)
      throw error
    } finally {
      if (open !== undefined) open.isTried = false
    }
  }

  #count(failure: UpstreamFailure | undefined): void {
    const before = this.#open
    if (failure === undefined) {
      this.#failures = 0
      this.#pauseMs = FIRST_PAUSE_MS
      this.#open = undefined
      if (before !== undefined) this.#onChange(undefined)
      return
    }
    this.#failures += 1
    if (this.#failures < FAILURES_IN_A_ROW || (before !== undefined && !before.isTried)) return
    this.#open = { failure, untilMs: this.#now() + this.#pauseMs, isTried: false }
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS)
    if (before === undefined) this.#onChange(failure)
  }
}

function leftAlone(failure: UpstreamFailure, leftMs: number): UpstreamFailure {
  const seconds = Math.max(1, Math.ceil(leftMs / 1000))
  const message = `${failure.message.replace(/; try again later\.$|\.$/, '')}; it has failed several times and is asked again in ${seconds} s.`
  return new UpstreamFailure(failure.code, {
    message,
    retryAfterSeconds: seconds,
    mayPass: true,
    cause: failure,
    ...(failure.status === undefined ? {} : { status: failure.status }),
  })
}
