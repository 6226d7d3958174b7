import { afterEach, expect, spyOn, test } from 'bun:test'
import { StoreClock } from './store-clock.ts'

const STORE_MS = Date.parse('Sat, 28 Nov 2026 12:00:00 GMT')
const HOUR_MS = 60 * 60 * 1000
const spies: { mockRestore(): void }[] = []

afterEach(() => {
  for (const spy of spies.splice(0)) spy.mockRestore()
})

/** From now on the wall clock, or the monotonic one, says so much more. */
function move(clock: { now(): number }, byMs: number): void {
  const before = clock.now()
  spies.push(spyOn(clock, 'now').mockImplementation(() => before + byMs))
}

function clockThatHeard(): StoreClock {
  const clock = new StoreClock()
  clock.note(new Date(STORE_MS).toUTCString())
  return clock
}

test.each([
  ['the wall clock was set forward', Date, HOUR_MS],
  ['the monotonic clock went on alone', performance, HOUR_MS],
])('what expires is never signed with a time after the store’s when %s', (_, moved, byMs) => {
  const clock = clockThatHeard()

  move(moved, byMs)

  expect(clock.expiringMs()).toBeLessThan(STORE_MS + HOUR_MS / 2)
})

test('what was signed is signed anew when the store tells another time than that', () => {
  const clock = clockThatHeard()
  const signedMs = clock.expiringMs()
  expect(clock.hasMovedSince(signedMs)).toBe(false)

  clock.note(new Date(STORE_MS + HOUR_MS).toUTCString())

  expect(clock.hasMovedSince(signedMs)).toBe(true)
})
