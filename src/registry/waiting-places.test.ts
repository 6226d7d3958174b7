import { expect, test } from 'bun:test'
import { WaitingPlaces } from './waiting-places.ts'

test('eight uploads may wait, again and again; the ninth may not before one of them has ended', () => {
  const places = new WaitingPlaces()
  const first = Array.from({ length: 8 }, () => places.enter())
  const ninth = places.enter()

  expect(first.map(({ mayWait }) => mayWait())).not.toContain(false)
  expect(ninth.mayWait()).toBe(false)
  expect(first[0]?.mayWait()).toBe(true)

  first[0]?.[Symbol.dispose]()
  expect(ninth.mayWait()).toBe(true)
})

test('one that never had to wait holds no place', () => {
  const places = new WaitingPlaces()
  const idle = Array.from({ length: 20 }, () => places.enter())

  const waiting = Array.from({ length: 8 }, () => places.enter())
  expect(waiting.map(({ mayWait }) => mayWait())).not.toContain(false)

  for (const place of idle) place[Symbol.dispose]()
  expect(places.enter().mayWait()).toBe(false)
})
