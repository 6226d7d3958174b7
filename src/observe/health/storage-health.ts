import type { HealthCheck, Repetition } from './health-check.ts'

/** Unhealthy when the storage does not say whether its root is there; that it is not there is an answer too, as in registry:2. */
export function storageCheck(driver: string, statRoot: () => Promise<unknown>, repetition: Repetition): HealthCheck {
  return {
    name: `storagedriver_${driver}`,
    intervalMs: repetition.intervalMs,
    threshold: repetition.threshold,
    run: async () => {
      await statRoot()
    },
  }
}
