import { advanceClock } from '../../src/metadata/collecting/clock.ts'
import { type CollectorPolicy, DEFAULT_POLICY } from '../../src/registry/collect/policy.ts'
import type { BerthInProcess } from './berth-in-process.ts'

export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

/** The default policy, with a pass each time that the duty runs, and a clock that stands until a test moves it. */
export const TEST_POLICY: CollectorPolicy = { ...DEFAULT_POLICY, intervalMs: 0, rate: 0, tickMs: 0 }

/** Of a process whose clock goes by itself: what nothing needs is gone within some seconds. */
export const IMPATIENT_POLICY: CollectorPolicy = {
  ...DEFAULT_POLICY,
  ...{ graceMs: 3_000, foundMs: 3_000, windowMs: 2_000, intervalMs: 500, tickMs: 200, rate: 0 },
}

/** Moves the collector's clock on. */
export async function passTime(berth: BerthInProcess, ms: number): Promise<void> {
  await berth.opened.metadata.write((query) => advanceClock(query, ms, Date.now()))
}

/** What the process that has the duty does at a tick. */
export async function collect(berth: BerthInProcess): Promise<void> {
  await berth.registry.collectorDuty.run(new AbortController().signal)
}

/** Lets all go that nothing needs: in rounds of a grace and a window, for what goes frees what it named. */
export async function collectAll(berth: BerthInProcess, rounds = 4): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await passTime(berth, TEST_POLICY.graceMs)
    await collect(berth)
    await passTime(berth, TEST_POLICY.windowMs)
    await collect(berth)
  }
}
