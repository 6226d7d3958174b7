import type { RunningUnknown } from './facts.ts'
import type { Reason } from './reason.ts'

/** What becomes of a tag or a manifest. */
export interface Decision {
  readonly goes: boolean
  readonly because: Reason
}

/** With what it is about. */
export interface Decided<Facts> extends Decision {
  readonly about: Facts
}

export function stays(because: Reason): Decision {
  return { goes: false, because }
}

export function goes(because: Reason): Decision {
  return { goes: true, because }
}

/** Why an age does not let something go: it is young, or unknown. Undefined: it is old enough. */
export function keptByPush(pushedMs: number | undefined, withinMs: number, nowMs: number): Reason | undefined {
  if (pushedMs === undefined) return { kind: 'push unknown' }
  return nowMs - pushedMs < withinMs ? { kind: 'pushed', atMs: pushedMs, withinMs } : undefined
}

/** Where a rule keeps what runs: why it does not let something go. */
export function keptByRunning(
  { runsOn }: { readonly runsOn: string | undefined },
  { runningUnknown }: { readonly runningUnknown: RunningUnknown | undefined },
): Reason | undefined {
  if (runsOn !== undefined) return { kind: 'running', host: runsOn }
  return runningUnknown && { kind: 'running unknown', ...runningUnknown }
}

/** The same of a pull. A manifest of which no pull is noted was not pulled since all pulls are noted. */
export function keptByPull(
  { pulledMs, knownSinceMs }: { readonly pulledMs: number | undefined; readonly knownSinceMs: number | undefined },
  withinMs: number,
  nowMs: number,
): Reason | undefined {
  if (pulledMs !== undefined && nowMs - pulledMs < withinMs) return { kind: 'pulled', atMs: pulledMs, withinMs }
  if (knownSinceMs === undefined) return { kind: 'pull unknown' }
  return nowMs - knownSinceMs < withinMs ? { kind: 'pulls noted', sinceMs: knownSinceMs, withinMs } : undefined
}
