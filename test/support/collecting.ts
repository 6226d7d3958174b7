import { advanceClock } from '../../src/metadata/collecting/clock.ts'
import { purgeTombstones } from '../../src/metadata/scans.ts'
import type { OpenedMetadata } from '../../src/metadata/sqlite/open.ts'
import { type CollectorPolicy, DEFAULT_POLICY } from '../../src/registry/collect/policy.ts'
import type { Registry } from '../../src/registry/registry.ts'

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

/** A registry inside the test, whose collector the test runs. */
export interface Collecting {
  readonly registry: Pick<Registry, 'collectorDuty'>
  readonly opened: Pick<OpenedMetadata, 'metadata'>
}

/** One whose other duties the test does, too. */
export interface Forgetting {
  readonly registry: Pick<Registry, 'history'>
  readonly opened: Pick<OpenedMetadata, 'metadata' | 'epoch'>
}

/** Moves the collector's clock on. */
export async function passTime(berth: Collecting, ms: number): Promise<void> {
  await berth.opened.metadata.write((query) => advanceClock(query, ms, Date.now()))
}

/** What the process that has the duty does at a tick. */
export async function collect(berth: Collecting): Promise<void> {
  await berth.registry.collectorDuty.run(new AbortController().signal)
}

/** What other duties do each minute: nothing remembers what is gone, and the history has every move. */
export async function forgetGone(berth: Forgetting): Promise<void> {
  await berth.registry.history.flush(new AbortController().signal)
  await purgeGone(berth)
}

/** Nothing remembers what is gone. */
export async function purgeGone({ opened }: Pick<Forgetting, 'opened'>): Promise<void> {
  const { metadata, epoch } = opened
  while (await metadata.write((query) => purgeTombstones(query, epoch, Number.MAX_SAFE_INTEGER)));
}

/** Lets all go that nothing needs: in rounds of a grace and a window, for what goes frees what it named. */
export async function collectAll(berth: Collecting, rounds = 4): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await passTime(berth, TEST_POLICY.graceMs)
    await collect(berth)
    await passTime(berth, TEST_POLICY.windowMs)
    await collect(berth)
  }
}
