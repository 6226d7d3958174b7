import { within } from '../../runtime/deadline.ts'
import type { Log } from '../log.ts'
import type { HealthCheck } from './health-check.ts'

/** The checks that fail now, and why: empty when the registry is healthy. */
export type FailingChecks = Readonly<Record<string, string>>

/**
 * Makes each check at its interval, the first time after one interval, as registry:2 does: until then all is well. A check that does
 * not end in time has failed; its next look waits until it has ended.
 */
export class HealthMonitor {
  readonly #log: Log
  /** By check and not by name: two that differ in their password have the same name. */
  readonly #failing = new Map<HealthCheck, string>()
  readonly #stopping = new AbortController()
  readonly #timers: NodeJS.Timeout[]

  constructor(checks: readonly HealthCheck[], log: Log) {
    this.#log = log
    this.#timers = checks.map((check) => this.#poll(check))
  }

  get isHealthy(): boolean {
    return this.#failing.size === 0
  }

  get failing(): FailingChecks {
    return Object.fromEntries([...this.#failing].map(([{ name }, reason]) => [name, reason]))
  }

  stop(): void {
    this.#stopping.abort()
    for (const timer of this.#timers) clearInterval(timer)
  }

  #poll(check: HealthCheck): NodeJS.Timeout {
    let failures = 0
    let isRunning = false
    return setInterval(async () => {
      if (isRunning) return
      isRunning = true
      const look = runCheck(check, this.#stopping.signal)
      const error = await look.outcome
      failures = error === undefined ? 0 : failures + 1
      if (!this.#stopping.signal.aborted) this.#record(check, failures >= check.threshold ? error : undefined)
      await look.ended
      isRunning = false
    }, check.intervalMs)
  }

  #record(check: HealthCheck, error: Error | undefined): void {
    const { name } = check
    const wasFailing = this.#failing.has(check)
    if (error === undefined) {
      this.#failing.delete(check)
      if (wasFailing) this.#log.info('health check passes again', { check: name })
      return
    }
    this.#failing.set(check, error.message)
    if (wasFailing) return
    const cause = error.cause instanceof Error ? error.cause.message : undefined
    this.#log.error('health check fails, requests are refused', { check: name, reason: error.message, cause })
  }
}

interface CheckRun {
  /** What is wrong, undefined when nothing is. Settles when the time is over at the latest. */
  readonly outcome: Promise<Error | undefined>
  /** Settles when the check has really ended. */
  readonly ended: Promise<unknown>
}

function runCheck(check: HealthCheck, stopping: AbortSignal): CheckRun {
  const timeoutMs = Math.min(check.timeoutMs ?? check.intervalMs, LONGEST_TIMEOUT_MS)
  const late = new Error(`no answer within ${timeoutMs / 1000} s`)
  const timeout = new AbortController()
  const ended = check.run(AbortSignal.any([timeout.signal, stopping])).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  )
  const outcome = within(ended, timeoutMs, late).then((found) => {
    if (found === late) timeout.abort()
    return found
  })
  return { outcome, ended }
}

/** Longer delays overflow a timer. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1
