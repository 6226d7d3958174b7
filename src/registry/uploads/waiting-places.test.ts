import { expect, test } from 'bun:test'
import { WaitingPlaces } from './waiting-places.ts'

const MIB = 1024 * 1024

/** How many of so many uploads may wait, after each has brought so much. */
function countWaiting(places: WaitingPlaces, uploads: number, received: number, hasLength = true): number {
  const entered = Array.from({ length: uploads }, () => places.enter({ hasLength }))
  return entered.filter((place) => place.mayWait(received)).length
}

test('where few uploads run all of them may wait, where many run none', () => {
  expect(countWaiting(new WaitingPlaces(), 21, 8 * MIB)).toBe(21)
  expect(countWaiting(new WaitingPlaces(), 25, 8 * MIB)).toBe(19)
  expect(countWaiting(new WaitingPlaces(), 26, 8 * MIB)).toBe(0)
  expect(countWaiting(new WaitingPlaces(), 1000, 8 * MIB)).toBe(0)
})

test('who has met many others waits no longer, also when they have gone; who comes then may', () => {
  const places = new WaitingPlaces()
  const first = places.enter({ hasLength: true })
  expect(first.mayWait(MIB)).toBe(true)

  const others = Array.from({ length: 25 }, () => places.enter({ hasLength: true }))
  expect(first.mayWait(MIB)).toBe(false)

  for (const other of others) other[Symbol.dispose]()
  expect(first.mayWait(MIB)).toBe(false)
  expect(places.enter({ hasLength: true }).mayWait(MIB)).toBe(true)
})

test('those in chunks of their own cost twice the memory: fewer of them may wait', () => {
  expect(countWaiting(new WaitingPlaces(), 12, 8 * MIB, false)).toBe(12)
  expect(countWaiting(new WaitingPlaces(), 24, 8 * MIB, false)).toBe(10)
})

test('uploads that have only begun get the first six places, as others may be about to begin', () => {
  expect(countWaiting(new WaitingPlaces(), 21, MIB)).toBe(6)
})

test('who has waited keeps its place until its body ends', () => {
  const places = new WaitingPlaces()
  const first = Array.from({ length: 6 }, () => places.enter({ hasLength: true }))
  const seventh = places.enter({ hasLength: true })

  expect(first.map((place) => place.mayWait(MIB))).not.toContain(false)
  expect(seventh.mayWait(MIB)).toBe(false)
  expect(first[0]?.mayWait(MIB)).toBe(true)

  first[0]?.[Symbol.dispose]()
  expect(seventh.mayWait(MIB)).toBe(true)
})

test('one that never had to wait holds no place, and counts no longer when it has ended', () => {
  const places = new WaitingPlaces()
  const idle = Array.from({ length: 64 }, () => places.enter({ hasLength: true }))
  for (const place of idle) place[Symbol.dispose]()

  expect(countWaiting(places, 21, 8 * MIB)).toBe(21)
})
