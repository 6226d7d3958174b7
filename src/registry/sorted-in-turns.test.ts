import { expect, test } from 'bun:test'
import { sortedInTurns } from './sorted-in-turns.ts'

test('slices of any lengths become one sorted list, with all that is equal in it', async () => {
  for (const lengths of [[], [0], [1], [3, 0, 2], [1_000, 1_000, 1], [700, 900, 1_100, 300, 5]]) {
    const slices = lengths.map((length, slice) => Array.from({ length }, (_, place) => (place * 7919 + slice * 31) % 1_009))

    const sorted = await sortedInTurns(slices, (one, other) => one - other)

    expect(sorted).toEqual(slices.flat().toSorted((one, other) => one - other))
  }
})
