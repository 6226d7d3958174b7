import { expect } from 'bun:test'

const USUAL_ROUNDS = 3

export interface MeasuredLimit {
  readonly what: string
  readonly unit: string
  readonly limit: number
  /** How often it is measured at most; three times when left out. */
  readonly rounds?: number
}

/**
 * Measures until a value is below the limit, a few times at most: whatever else the machine does only adds to a time, and what is the
 * registry's own is there each time. Memory is the registry's own: it is measured once. Prints what was measured.
 */
export async function expectLeastBelow(measured: MeasuredLimit, measure: () => Promise<number>): Promise<void> {
  const { what, unit, limit, rounds = USUAL_ROUNDS } = measured
  const values: number[] = []
  while (values.length < rounds && !values.some((value) => value < limit)) values.push(await measure())

  const shown = `${what}: ${values.map((value) => value.toFixed(0)).join(', then ')} ${unit}`
  process.stderr.write(`${shown}\n`)
  expect(Math.min(...values), shown).toBeLessThan(limit)
}
