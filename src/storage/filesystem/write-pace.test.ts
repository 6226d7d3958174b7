import { describe, expect, test } from 'bun:test'
import { WritePace } from './write-pace.ts'

/** A disk on which each write at once takes as long as the test says, and those in the pool end when they are let go. */
function openPace() {
  let nowMs = 1000
  const pace = new WritePace(() => nowMs)
  const done: string[] = []
  const gate = Promise.withResolvers<void>()
  const write = async (tookMs = 0) =>
    await pace.write({
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
  return { write, done, passMs, letGo: gate.resolve }
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

  test('no more than eight wait there: what they hold in memory stays bounded', async () => {
    const { write, done, letGo } = openPace()
    await write(200)

    const waiting = Array.from({ length: 8 }, () => write())
    await write()
    expect(done).toEqual(['at once', ...Array.from({ length: 8 }, () => 'in the pool'), 'at once'])

    letGo()
    await Promise.all(waiting)
    await write()
    expect(done.at(-1)).toBe('in the pool')
  })

  test('a failure is the caller’s', async () => {
    const pace = new WritePace()
    const atOnce = () => {
      throw new Error('EIO')
    }

    await expect(pace.write({ atOnce, inPool: async () => undefined })).rejects.toThrow('EIO')
  })
})
