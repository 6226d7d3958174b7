import { expect, test } from 'bun:test'
import { findWindows, isWithin } from './window.ts'

/** 2026-11-29 is a Sunday. */
const at = (day: number, hours: number, minutes = 0) => new Date(2026, 10, 29 + day, hours, minutes)

test.each([
  ['02:00-05:00', [at(0, 2), at(3, 4, 59)], [at(0, 1, 59), at(0, 5)]],
  ['22:00-04:00', [at(0, 23), at(1, 3, 59)], [at(0, 4), at(0, 21)]],
  // Friday night ends on Saturday morning.
  ['Mon-Fri 22:00-04:00', [at(5, 23), at(6, 3)], [at(6, 23), at(0, 23), at(1, 3), at(7, 3)]],
  ['sat,sun 00:00-24:00', [at(0, 0), at(6, 23, 59)], [at(1, 0), at(5, 12)]],
  ['fri-mon 10:00-11:00', [at(5, 10), at(6, 10), at(0, 10), at(1, 10)], [at(2, 10)]],
  ['02:00-03:00; 12:00-13:00', [at(0, 2), at(0, 12)], [at(0, 3), at(0, 13)]],
])('%s has %p and not %p', (text, inside, outside) => {
  const windows = findWindows(text) ?? []

  expect(inside.map((time) => isWithin(windows, time))).toEqual(inside.map(() => true))
  expect(outside.map((time) => isWithin(windows, time))).toEqual(outside.map(() => false))
})

test('without a window it is always time', () => {
  expect(isWithin([], at(0, 0))).toBe(true)
})

test.each([
  '',
  '2:00-3:00',
  '02:00',
  '02:00-02:00',
  '02:00-24:01',
  '02:60-03:00',
  'Funday 02:00-03:00',
  'mon-tue-wed 02:00-03:00',
  '02:00-03:00;',
])('%p is no window', (text) => {
  expect(findWindows(text)).toBeUndefined()
})
