import { expect, test } from 'bun:test'
import { parseTag } from '../../oci/reference.ts'
import { compareTags, placeOf } from './tag-order.ts'

test('versions are ordered as versions, below them what is none, and equal ones by their names', () => {
  const ordered = ['1', 'latest', 'main-2', 'v0.9', '1.0', 'v1', 'v1.0', '1.2-rc.1', '1.2', '1.10'].filter((tag) => tag !== '1')

  const places = ordered.toReversed().map((tag) => placeOf(parseTag(tag), null, 'version'))
  places.sort((one, other) => compareTags('version', one, other))

  expect(places.map(({ tag }) => String(tag))).toEqual(ordered)
})

test('what is not known is the lowest, and equal values are ordered by their names', () => {
  const places = (
    [
      ['b', 2],
      ['a', 2],
      ['c', null],
      ['d', 0],
    ] as const
  ).map(([tag, value]) => placeOf(parseTag(tag), value, 'size'))

  places.sort((one, other) => compareTags('size', one, other))

  expect(places.map(({ tag }) => String(tag))).toEqual(['c', 'd', 'a', 'b'])
})
