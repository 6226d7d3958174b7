import { afterEach, beforeEach, expect, spyOn, test } from 'bun:test'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { type OpenedMetadata, openMetadata } from '../sqlite/open.ts'
import { advanceClock, readClock } from './clock.ts'

let folder: TemporaryFolder

beforeEach(() => {
  folder = new TemporaryFolder({ inMemory: true })
})
afterEach(() => folder[Symbol.dispose]())

async function start(): Promise<OpenedMetadata> {
  return await openMetadata({ path: folder.join('metadata.db'), runDirectory: folder.join('run'), storeId: async () => 'store' })
}

async function close({ metadata, locks, processId }: OpenedMetadata): Promise<void> {
  await metadata.close()
  locks.release(processId)
}

test.each([
  ['is added to the clock of the collector', 60_000, 60_000],
  ['in the past does not move it', -60_000, 0],
  ['of more than 30 days does not move it', 31 * 24 * 60 * 60 * 1000, 0],
])('after a stop begins with what passed meanwhile, which %s', async (_, stoppedForMs, moved) => {
  const first = await start()
  const before = await readClock(first.metadata.read)
  const wallMs = Date.now()
  await first.metadata.write((query) => advanceClock(query, 0, wallMs - stoppedForMs))
  await close(first)

  const clock = spyOn(Date, 'now').mockReturnValue(wallMs)
  const second = await start().finally(() => clock.mockRestore())

  const after = await readClock(second.metadata.read)
  expect(after.nowMs - before.nowMs).toBe(moved)
  expect(after.epochBeganMs).toBe(after.nowMs)
  await close(second)
})
