import type { Config } from '../../src/config/config.ts'
import type { CollectorPolicy } from '../../src/registry/collect/policy.ts'

const DEFAULTS = {
  ...{ enabled: true, graceMs: 86_400_000, foundMs: 604_800_000, windowMs: 3_600_000, intervalMs: 3_600_000 },
  ...{ rate: 200, brake: 30, dryRun: false },
}

/** Of each key of storage.maintenance.collector: what stands there, and what becomes of it. */
export const COLLECTOR_ROWS = [
  row('enabled', false, { enabled: false }),
  row('grace', '1h', { graceMs: 3_600_000 }),
  row('found', '720h', { foundMs: 2_592_000_000 }),
  row('window', '5m', { windowMs: 300_000 }),
  row('interval', '1m', { intervalMs: 60_000 }),
  row('rate', 0, { rate: 0 }),
  row('brake', 100, { brake: 100 }),
  row('dryrun', true, { dryRun: true }),
]

function row(key: string, value: unknown, expected: Partial<CollectorPolicy>) {
  const read = ({ storage }: Config): unknown => storage.collector
  return [`storage.maintenance.collector.${key}`, value, read, { ...DEFAULTS, ...expected }] as const
}
