import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { findDurationMs } from './duration.ts'

test.each([
  ['0', 0],
  ['10s', 10_000],
  ['168h', 604_800_000],
  ['1h30m', 5_400_000],
  ['1.5s', 1500],
  ['250ms', 250],
  ['2m0.5s', 120_500],
  ['1000us', 1],
])('%s is %d milliseconds', (text, milliseconds) => {
  expect(findDurationMs(text)).toBe(milliseconds)
})

test.each(['', '10', '-1s', '1d', '1h 30m', 's', '1.s', '.5s', '1e3s', '10S', `${'9'.repeat(30)}h`])(
  '%p is not a duration',
  (text) => {
    expect(findDurationMs(text)).toBeUndefined()
  },
)

test('hours, minutes and seconds add up', () => {
  const part = fc.integer({ min: 0, max: 10_000 })

  fc.assert(
    fc.property(part, part, part, (hours, minutes, seconds) => {
      expect(findDurationMs(`${hours}h${minutes}m${seconds}s`)).toBe(((hours * 60 + minutes) * 60 + seconds) * 1000)
    }),
  )
})
