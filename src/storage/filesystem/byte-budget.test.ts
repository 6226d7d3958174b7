import { expect, test } from 'bun:test'
import { ByteBudget } from './byte-budget.ts'

const MIB = 1024 * 1024

test('lets uploads that wait go on one after the other, each with room for what it brings', async () => {
  const budget = new ByteBudget(2 * MIB)
  const full = budget.share()
  await full.take(2 * MIB)
  const goneOn: string[] = []
  const waiting = ['a', 'b', 'c'].map((name) => {
    const share = budget.share()
    return { share, taken: share.take(1).then(() => goneOn.push(name)) }
  })

  full.give(2 * MIB)
  await waiting[0]?.taken
  expect(goneOn).toEqual(['a'])

  waiting[0]?.share.close()
  await waiting[1]?.taken
  expect(goneOn).toEqual(['a', 'b'])
})

test('never keeps the last one waiting', async () => {
  const budget = new ByteBudget(10)
  const share = budget.share()
  const taken = share.take(5 * MIB)

  share.give(5 * MIB)

  await taken
})
