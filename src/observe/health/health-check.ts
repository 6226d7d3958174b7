/** Something that is looked at again and again. */
export interface HealthCheck {
  /** As registry:2 names it: what `/debug/health` shows when it fails. */
  readonly name: string
  readonly intervalMs: number
  /** How many failures in a row make the registry unhealthy; 1 or more. */
  readonly threshold: number
  /** Resolves when all is well. Throws with one sentence for the operator; gives up when the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** How long one look may take; undefined: as long as the interval. */
  readonly timeoutMs?: number | undefined
}

/** When a check is made and how many failures count. */
export interface Repetition {
  readonly intervalMs: number
  readonly threshold: number
}
