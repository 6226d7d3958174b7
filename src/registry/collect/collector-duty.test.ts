import { expect, test } from 'bun:test'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { NOTHING } from './collector.ts'
import { CollectorDuty, type CollectorDutyOptions } from './collector-duty.ts'
import { DEFAULT_POLICY } from './policy.ts'

/** A duty whose collector finds nothing, and the passes that it made. */
function duty(isFull: () => boolean) {
  const passes: number[] = []
  const pass = async () => {
    passes.push(passes.length)
    return { waits: undefined, found: undefined, condemned: 0, collected: NOTHING }
  }
  const options = {
    collector: { pass, removeCondemned: async () => NOTHING },
    whether: { waits: async () => undefined },
    clock: { tick: async () => undefined },
    metadata: { write: async () => undefined },
    policy: DEFAULT_POLICY,
    log: new RecordedLog(),
    onCollected: () => undefined,
    isFull: async () => isFull(),
  }
  return { passes, duty: new CollectorDuty(options as unknown as CollectorDutyOptions) }
}

test('a pass is made once in an interval, and at each tick while uploads are refused for want of space', async () => {
  let isFull = false
  const { passes, duty: collecting } = duty(() => isFull)
  const { signal } = new AbortController()
  await collecting.run(signal)
  await collecting.run(signal)
  const whileThereIsRoom = passes.length

  isFull = true
  // As long as a pass takes, twenty times over, is what it rests in any case.
  for (let tick = 0; tick < 1_000 && passes.length < 2; tick += 1) {
    await Bun.sleep(1)
    await collecting.run(signal)
  }

  expect([whileThereIsRoom, passes.length]).toEqual([1, 2])
})
