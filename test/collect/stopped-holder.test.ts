import { afterEach, beforeEach, expect, spyOn, test } from 'bun:test'
import { findLastRunning, readClock } from '../../src/metadata/collecting/clock.ts'
import { takeDuty } from '../../src/metadata/duties.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { blobPlaces, missing } from '../support/collected-places.ts'
import { collect, DAY_MS, HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { contentOf } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TICK_MS = 20
const blob = contentOf('', Buffer.from('a layer whose manifest is still to come'))

let folder: TemporaryFolder
let jump: { mockRestore(): void } | undefined

beforeEach(() => {
  folder = new TemporaryFolder({ inMemory: true })
})
afterEach(() => {
  jump?.mockRestore()
  folder[Symbol.dispose]()
})

async function start(): Promise<BerthInProcess> {
  return await BerthInProcess.start(folder.join('data'), { collector: { ...TEST_POLICY, tickMs: TICK_MS } })
}

test('a day for which the process that collects is stopped, while another one serves, does not count when all start anew', async () => {
  const stopped = await start()
  await stopped.opened.metadata.write((query) => takeDuty(query, 'collector', stopped.opened.processId, undefined))
  const serving = await start()
  await serving.registry.start({ settleFirst: false })
  const began = await readClock(serving.opened.metadata.read)
  const wall = Date.now.bind(Date)
  jump = spyOn(Date, 'now').mockImplementation(() => wall() + DAY_MS)
  await serving.client.pushBlob('app', blob)
  await poll('the process that serves has said so', 90_000, async () => {
    const last = await findLastRunning(serving.opened.metadata.read)
    return last !== undefined && Date.now() - last < HOUR_MS ? true : undefined
  })
  await serving.registry.stop()
  for (const each of [serving, stopped]) await each.stop()

  await using berth = await start()
  const now = await readClock(berth.opened.metadata.read)
  await berth.scan()
  for (let round = 0; round < 2; round += 1) {
    await passTime(berth, HOUR_MS)
    await collect(berth)
  }

  expect(now.nowMs - began.nowMs).toBeLessThan(HOUR_MS)
  expect(missing(folder.join('data'), blobPlaces('app', blob))).toEqual([])
})
