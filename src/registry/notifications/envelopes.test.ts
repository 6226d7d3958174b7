import { expect, test } from 'bun:test'
import type { StoredEvent } from '../../metadata/events/events.ts'
import { inEnvelopes, MOST_TOGETHER } from './envelopes.ts'

const MIB = 1024 * 1024
const event = (kind: StoredEvent['kind'], size: number) => ({ kind, size }) as StoredEvent
const lengths = (waiting: readonly StoredEvent[], isBehind = true) =>
  [...inEnvelopes(waiting, isBehind)].map((together) => together.length)
const blobs = (count: number) => Array.from({ length: count }, () => event('blob', 1000 * MIB))

test('no events make no envelope, and few have one each', () => {
  expect(lengths([])).toEqual([])
  expect(lengths(blobs(3), false)).toEqual([1, 1, 1])
})

test('of an endpoint that is behind many come together, however large their blobs are, and in their order', () => {
  const waiting = blobs(MOST_TOGETHER + 7)

  expect(lengths(waiting)).toEqual([MOST_TOGETHER, 7])
  expect([...inEnvelopes(waiting, true)].flat()).toEqual(waiting)
})

test('of manifests, which may be told with all that they name, no more than a megabyte comes together', () => {
  const waiting = [
    event('manifest', 3 * MIB),
    event('manifest', MIB / 2),
    event('manifest', MIB / 2),
    event('manifest', 1),
    ...blobs(50),
  ]

  expect(lengths(waiting)).toEqual([1, 2, 50, 1])
})
