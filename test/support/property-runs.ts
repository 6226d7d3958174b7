import type { Parameters } from 'fast-check'

/** For one property with all its tries, and the shrinking of what fails. */
export const PROPERTY_TIMEOUT_MS = 300_000

/**
 * How often a property is tried: `usual` times, times `BERTH_PROPERTY_EFFORT` (a number, 1 when it is not set). A failure prints its
 * seed and its path; `BERTH_PROPERTY_SEED` and `BERTH_PROPERTY_PATH` try exactly that again.
 */
export function runs<Values>(usual: number): Parameters<Values> {
  const { BERTH_PROPERTY_EFFORT: effort = '1', BERTH_PROPERTY_SEED: seed, BERTH_PROPERTY_PATH: path } = process.env
  return {
    numRuns: Math.max(1, Math.round(usual * Number(effort))),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path === undefined ? {} : { path }),
  }
}
