import { expect } from 'bun:test'

const MOST_ROUNDS = 3

export interface MeasuredLimit {
  readonly what: string
  readonly unit: string
  readonly limit: number
}

/**
 * Measures until a value is below the limit, three times at most: whatever else the machine does only adds to a time or to memory, and
 * what is the registry's own is there each time. Prints what was measured.
 */
export async function expectLeastBelow({ what, unit, limit }: MeasuredLimit, measure: () => Promise<number>): Promise<void> {
  const values: number[] = []
  while (values.length < MOST_ROUNDS && !values.some((value) => value < limit)) values.push(await measure())

  const shown = `${what}: ${values.map((value) => value.toFixed(0)).join(', then ')} ${unit}`
  process.stderr.write(`${shown}\n`)
  expect(Math.min(...values), shown).toBeLessThan(limit)
}
