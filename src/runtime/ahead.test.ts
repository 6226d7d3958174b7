import { expect, test } from 'bun:test'
import { ahead } from './ahead.ts'

async function* numbersBelow(count: number): AsyncGenerator<number> {
  for (let number = 0; number < count; number += 1) yield number
}

test.each([1, 3, 20])('with %i at once each value comes with what is fetched for it, in order', async (atOnce) => {
  let [underWay, most] = [0, 0]
  const fetch = async (number: number) => {
    underWay += 1
    most = Math.max(most, underWay)
    await new Promise((resolve) => setImmediate(resolve))
    underWay -= 1
    return number * 2
  }

  const found = await Array.fromAsync(ahead(numbersBelow(10), atOnce, fetch))

  expect(found).toEqual(Array.from({ length: 10 }, (_, number) => [number, number * 2] as const))
  expect(most).toBe(Math.min(atOnce, 10))
})

test('a value that cannot be fetched throws when its turn comes, and the ones before it are given', async () => {
  const given: number[] = []
  const fetch = async (number: number) => {
    if (number >= 2) throw new Error(`${number} is not there`)
    return number
  }
  const work = async () => {
    for await (const [number] of ahead(numbersBelow(5), 4, fetch)) given.push(number)
  }

  await expect(work()).rejects.toThrow('2 is not there')
  expect(given).toEqual([0, 1])
})
