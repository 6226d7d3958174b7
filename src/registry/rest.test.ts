import { expect, test } from 'bun:test'
import { OneATurn, Rest, restAfterSmallChunk } from './rest.ts'

/** Turns of the event loop that pass while something runs. */
async function turnsDuring(run: () => Promise<unknown>): Promise<number> {
  let turns = 0
  let isOver = false
  const count = () => {
    turns += 1
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  await run()
  isOver = true
  return turns
}

test('a request that goes through 64 MiB lets others have at least 32 turns', async () => {
  const rest = new Rest()

  const turns = await turnsDuring(async () => {
    for (let piece = 0; piece < 256; piece += 1) await rest.after(256 * 1024)
  })

  expect(turns).toBeGreaterThanOrEqual(32)
})

test('a chunk of a few bytes costs its request one turn, a usual one none', async () => {
  expect(await turnsDuring(() => restAfterSmallChunk(1))).toBeGreaterThanOrEqual(1)
  expect(await turnsDuring(() => restAfterSmallChunk(64 * 1024))).toBe(0)
})

test('works run one after another, each in a turn of its own, also after one that fails', async () => {
  const gate = new OneATurn()
  let running = 0
  const most: number[] = []
  const work = async (index: number) => {
    running += 1
    most.push(running)
    await Bun.sleep(0)
    running -= 1
    if (index === 3) throw new Error('the work fails')
    return index
  }

  let outcomes: readonly PromiseSettledResult<number>[] = []
  const turns = await turnsDuring(async () => {
    outcomes = await Promise.allSettled(Array.from({ length: 10 }, (_, index) => gate.run(() => work(index))))
  })

  expect(most).toEqual(Array(10).fill(1))
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1)
  expect(turns).toBeGreaterThanOrEqual(9)
})
