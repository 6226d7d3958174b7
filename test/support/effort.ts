import { SeededRandom, seedFor } from './seeded-random.ts'

/**
 * `BERTH_TEST_EFFORT=all`, as `npm run test:nightly` sets it: a search tries every case. Without it, each run tries some cases that chance
 * picks anew.
 */
export const triesAll = process.env.BERTH_TEST_EFFORT === 'all'

/** One process, or two: a run tries what `what` is with one of the two numbers. */
export function processCounts(what: string): readonly (1 | 2)[] {
  return someOf(`numbers of processes for ${what}`, [1, 2] as const, 1)
}

/** All cases where every case is tried; else so many of them, which chance picks anew in each run. `what` they are cases of, for the seed. */
export function someOf<Case>(what: string, cases: readonly Case[], count: number): readonly Case[] {
  return triesAll ? cases : new SeededRandom(seedFor(what)).some(cases, count)
}
