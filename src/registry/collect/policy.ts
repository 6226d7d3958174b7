const SECOND_MS = 1_000
const HOUR_MS = 60 * 60 * SECOND_MS

/** When the collector takes what nothing needs (docs/collector.md, The policy). */
export interface CollectorPolicy {
  readonly enabled: boolean
  /** G: so long nothing must have named it. */
  readonly graceMs: number
  /** F: the same for what was found in the storage without a row. Not below the grace. */
  readonly foundMs: number
  /** W: so long it stays, condemned, after the last 200 that a client got for it. */
  readonly windowMs: number
  /** Between two passes. */
  readonly intervalMs: number
  /** Removals in a second; 0: as fast as it goes. */
  readonly rate: number
  /** In percent of the stored bytes: more than this does not fall due in one pass without being asked. */
  readonly brake: number
  /** Only says what would be removed. */
  readonly dryRun: boolean
  /** Nothing is to be removed at all: the operator copies the storage, or it cannot be written. */
  readonly isReadOnly: boolean
  /** How often the clock moves on. */
  readonly tickMs: number
}

export const DEFAULT_POLICY: CollectorPolicy = {
  enabled: true,
  graceMs: 24 * HOUR_MS,
  foundMs: 168 * HOUR_MS,
  windowMs: HOUR_MS,
  intervalMs: HOUR_MS,
  rate: 200,
  brake: 30,
  dryRun: false,
  isReadOnly: false,
  tickMs: 60 * SECOND_MS,
}
