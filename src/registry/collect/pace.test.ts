import { expect, test } from 'bun:test'
import { Pace, presentRate } from './pace.ts'

test.each([
  ['as configured', {}, 200],
  ['halved while readers wait', { readersWait: true }, 100],
  [
    'without a bound while uploads are refused for want of space, even while readers wait',
    { readersWait: true, isFull: true },
    0,
  ],
  ['without a bound where none is configured, even while readers wait', { rate: 0, readersWait: true }, 0],
])('the rate of removals is %s', async (_, { rate = 200, readersWait = false, isFull = false }: Present, expected) => {
  expect(await presentRate({ rate, readersWait: () => readersWait, isFull: async () => isFull })).toBe(expected)
})

interface Present {
  readonly rate?: number
  readonly readersWait?: boolean
  readonly isFull?: boolean
}

test.each([
  ['a tenth of a second takes, with the bytes of each', 200, 10],
  ['64 at most', 10_000, 64],
  ['8 at least', 40, 8],
  ['64 without a rate', 0, 64],
])('one operation removes as many as %s', (_, rate, expected) => {
  const pace = new Pace({ rate, readersWait: () => false, isFull: async () => false })

  // When its transactions have been short for a while.
  for (let times = 0; times < 4; times += 1) pace.transactions.took(0, pace.atOnce)

  expect(pace.atOnce).toBe(expected)
})
