import type { Probes } from '../../src/http/probes.ts'

/** A registry that is always well, for tests that are about something else. */
export const WELL: Probes = {
  health: { isHealthy: true },
  readiness: async () => ({ ready: true, waiting: {}, scan: undefined, duties: {} }),
}
