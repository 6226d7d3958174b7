import type { CollectorPolicy } from '../collect/policy.ts'

/** What the collector is told about when it takes. */
export type FreedWhen = Pick<CollectorPolicy, 'enabled' | 'dryRun' | 'isReadOnly' | 'graceMs' | 'windowMs' | 'intervalMs'>

/**
 * How long after a deletion the bytes are free that it leaves behind; undefined where no collector runs. What goes with a manifest goes first,
 * after a grace and a window, at each further step a window later; the content of each has a grace and a window from then.
 */
export function freedAfterMs(policy: FreedWhen, steps: number): number | undefined {
  const { enabled, dryRun, isReadOnly, graceMs, windowMs, intervalMs } = policy
  if (!enabled || dryRun || isReadOnly) return undefined
  const lastStepMs = steps === 0 ? 0 : graceMs + steps * (windowMs + intervalMs)
  return lastStepMs + graceMs + windowMs + intervalMs
}
