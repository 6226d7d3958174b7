import { describe, expect, test } from 'bun:test'
import { WritePace } from './write-pace.ts'

/** A disk on which each write at once takes as long as the test says, and those in the pool end when they are let go. */
function openPace() {
  let nowMs = 1000
  const pace = new WritePace(() => nowMs)
  const done: string[] = []
  const gate = Promise.withResolvers<void>()
  const write = async (tookMs = 0, mayWait = () => true, isSyncing = false) =>
    await pace.write({
      isSyncing,
      mayWait,
      atOnce: () => {
        nowMs += tookMs
        done.push('at once')
      },
      inPool: async () => {
        done.push('in the pool')
        await gate.promise
      },
    })
  const passMs = (ms: number) => {
    nowMs += ms
  }
  return { pace, write, done, passMs, letGo: gate.resolve }
}

describe('the pace of writes', () => {
  test('they are done at once while the disk keeps up', async () => {
    const { write, done } = openPace()

    await write(1)
    await write(24)
    await write()

    expect(done).toEqual(['at once', 'at once', 'at once'])
  })

  test('for a second after a slow one they wait in the pool', async () => {
    const { write, done, passMs, letGo } = openPace()
    letGo()

    await write(26)
    await write()
    passMs(999)
    await write()
    passMs(1)
    await write()

    expect(done).toEqual(['at once', 'in the pool', 'in the pool', 'at once'])
  })

  test('one that may not wait is done at once however slow the disk is; while it keeps up nobody is asked', async () => {
    const { write, done, letGo } = openPace()
    letGo()
    let asked = 0
    const refuse = () => {
      asked += 1
      return false
    }

    await write(26, refuse)
    expect(asked).toBe(0)
    await write(200, refuse)
    expect(asked).toBe(1)

    expect(done).toEqual(['at once', 'at once'])
  })

  test('a file that is being synced is written to in the pool, unless it is the only one or may not wait', async () => {
    const { pace, write, done, letGo } = openPace()
    letGo()

    pace.enter()
    await write(0, () => true, true)
    pace.enter()
    await write(0, () => true, true)
    await write(0, () => false, true)
    await write(0, () => true, false)
    pace.leave()
    await write(0, () => true, true)

    expect(done).toEqual(['at once', 'in the pool', 'at once', 'at once', 'at once'])
  })

  test('a failure is the caller’s', async () => {
    const pace = new WritePace()
    const atOnce = () => {
      throw new Error('EIO')
    }

    await expect(pace.write({ atOnce, inPool: async () => undefined, isSyncing: false, mayWait: () => true })).rejects.toThrow(
      'EIO',
    )
  })
})
