import { NO_RETENTION, type RetentionRules } from '../../retention/rules.ts'

/** The rules for tags, and what is done about them. */
export interface RetentionPolicy extends RetentionRules {
  /** They are only shown. */
  readonly dryRun: boolean
  /** Names of users: their pulls do not count. */
  readonly ignoredPullers: readonly string[]
}

export const NO_POLICY: RetentionPolicy = { ...NO_RETENTION, dryRun: true, ignoredPullers: [] }
