import { afterEach, beforeEach, expect, spyOn, test } from 'bun:test'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { type OpenedMetadata, openMetadata } from '../../metadata/sqlite/open.ts'
import { CollectorClock } from './collector-clock.ts'

const TICK_MS = 60_000
const YEAR_MS = 365 * 24 * 60 * TICK_MS

let folder: TemporaryFolder
let opened: OpenedMetadata
let wallMs: number
let monotonicMs: number
let clock: CollectorClock
let clocks: { mockRestore(): void }[]

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  opened = await openMetadata({
    ...{ path: folder.join('metadata.db'), runDirectory: folder.join('run') },
    storeId: async () => 'store',
  })
  wallMs = Date.now()
  monotonicMs = 1_000
  clocks = [spyOn(Date, 'now').mockImplementation(() => wallMs), spyOn(performance, 'now').mockImplementation(() => monotonicMs)]
  clock = new CollectorClock({ metadata: opened.metadata, tickMs: TICK_MS })
  await clock.tick()
})
afterEach(async () => {
  for (const each of clocks) each.mockRestore()
  await opened.metadata.close()
  opened.locks.release(opened.processId)
  folder[Symbol.dispose]()
})

/** How far the collector's clock moves when the two clocks of the machine move by so much. */
async function movesBy(wall: number, monotonic: number): Promise<number> {
  const before = await clock.read()
  wallMs += wall
  monotonicMs += monotonic
  await clock.tick()
  return (await clock.read()).nowMs - before.nowMs
}

test.each([
  ['as both clocks do', TICK_MS, TICK_MS, TICK_MS],
  ['not at all before a tick has passed', TICK_MS - 1, TICK_MS - 1, 0],
  ['by the monotonic clock when the wall clock jumps a year ahead', YEAR_MS + TICK_MS, TICK_MS, TICK_MS],
  ['not at all when the wall clock jumps a year back', TICK_MS - YEAR_MS, TICK_MS, 0],
  ['not by the sleep of a machine whose monotonic clock counts none', 8 * 60 * TICK_MS, TICK_MS - 1, 0],
  ['by no more than two ticks when its process was stopped for a day', 24 * 60 * TICK_MS, 24 * 60 * TICK_MS, 2 * TICK_MS],
])('while it runs the clock moves %s', async (_, wall, monotonic, moved) => {
  expect(await movesBy(wall, monotonic)).toBe(moved)
})

test('a clock that was set back, and then right again, moves on with the next tick', async () => {
  expect(await movesBy(TICK_MS - YEAR_MS, TICK_MS)).toBe(0)
  expect(await movesBy(TICK_MS, TICK_MS)).toBe(TICK_MS)
  expect(await movesBy(YEAR_MS + TICK_MS, TICK_MS)).toBe(TICK_MS)
})
