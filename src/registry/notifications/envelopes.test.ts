import { expect, test } from 'bun:test'
import type { StoredEvent } from '../../metadata/events/events.ts'
import { FEW_WAITING, inEnvelopes } from './envelopes.ts'

const MIB = 1024 * 1024
const event = (kind: StoredEvent['kind'], size: number) => ({ kind, size }) as StoredEvent
const lengths = (waiting: readonly StoredEvent[]) => [...inEnvelopes(waiting)].map((together) => together.length)
const blobs = (count: number) => Array.from({ length: count }, () => event('blob', 1000 * MIB))

test('no events make no envelope, and few have one each', () => {
  expect(lengths([])).toEqual([])
  expect(lengths(blobs(FEW_WAITING))).toEqual(Array.from({ length: FEW_WAITING }, () => 1))
})

test('many come together, however large their blobs are, and in their order', () => {
  const waiting = blobs(FEW_WAITING + 7)

  expect(lengths(waiting)).toEqual([50, 7])
  expect([...inEnvelopes(waiting)].flat()).toEqual(waiting)
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
