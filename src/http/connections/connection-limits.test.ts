import { describe, expect, test } from 'bun:test'
import { limitsOfProcess } from './connection-limits.ts'

const DEFAULTS = { total: undefined, perAddress: 1000 }
const ONE = { processes: 1, descriptorLimit: 1_048_576 }

describe('the connections of a process', () => {
  test('are at most 10,000 by default, and 1,000 of an address', () => {
    expect(limitsOfProcess(DEFAULTS, ONE)).toEqual({ total: 10_000, perAddress: 1000 })
  })

  test.each([
    [256, 96],
    [1024, 480],
    [4096, 2016],
  ])('leave with %i descriptors one for a file of each, and 64', (descriptorLimit, total) => {
    expect(limitsOfProcess(DEFAULTS, { ...ONE, descriptorLimit }).total).toBe(total)
    expect(limitsOfProcess({ ...DEFAULTS, total: 1_000_000 }, { ...ONE, descriptorLimit }).total).toBe(total)
  })

  test('are its share of what is configured for all processes', () => {
    expect(limitsOfProcess({ total: 10, perAddress: 5 }, { ...ONE, processes: 4 })).toEqual({ total: 3, perAddress: 2 })
  })

  test('of one address have no bound where the configuration sets none', () => {
    const unbounded = { total: 10, perAddress: Number.POSITIVE_INFINITY }

    expect(limitsOfProcess(unbounded, { ...ONE, processes: 4 }).perAddress).toBe(Number.POSITIVE_INFINITY)
  })
})
