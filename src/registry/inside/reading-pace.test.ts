import { expect, test } from 'bun:test'
import { ReadingPace } from './reading-pace.ts'

test.each([
  ['while nothing is served', {}, 160],
  ['an eighth while clients are served', { isServing: true }, 20],
  ['a sixteenth while readers wait', { isServing: true, readersWait: true }, 10],
])('the pace of reading is %s', (_, { isServing = false, readersWait = false }: Load, expected) => {
  const pace = new ReadingPace({ bytesPerSecond: 160, isServing: () => isServing, readersWait: () => readersWait })

  expect(pace.bytesPerSecond).toBe(expected)
})

interface Load {
  readonly isServing?: boolean
  readonly readersWait?: boolean
}

test('what was read is waited for, which is counted, and a wait ends with the reason of the signal', async () => {
  const pace = new ReadingPace({ bytesPerSecond: 1_000, isServing: () => false, readersWait: () => false })
  const stopping = new AbortController()
  const beganMs = performance.now()

  await pace.after(20, stopping.signal)

  expect(performance.now() - beganMs).toBeGreaterThanOrEqual(19)
  expect(pace.waitedMs).toBeGreaterThanOrEqual(19)
  const waiting = pace.after(1_000_000, stopping.signal)
  stopping.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow('stopped')
})
