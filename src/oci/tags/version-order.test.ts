import { expect, test } from 'bun:test'
import { SeededRandom } from '../../../test/support/seeded-random.ts'
import { compareVersions, findVersion, orderTextOf, type Version } from './version-order.ts'

function versionOf(name: string): Version {
  const version = findVersion(name)
  if (version === undefined) throw new Error(`${name} is no version`)
  return version
}

test('versions are ordered as semver.org orders them, with any count of numbers and a v in front', () => {
  const ordered = [
    ...['0.9', '1.0.0-1', '1.0.0-alpha', 'v1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11'],
    ...['1.0.0-rc.1', '1.0.0', 'v1.0.1', '1.2', '1.10', 'V2', '20261129.3'],
  ]

  const sorted = ordered.toReversed().sort((one, other) => compareVersions(versionOf(one), versionOf(other)))

  expect(sorted).toEqual(ordered)
  expect(compareVersions(versionOf('v1.2'), versionOf('1.2.0'))).toBe(0)
})

test.each(['latest', 'v', '1.', '.1', '1..2', 'main-1.2', '1.2+3', '1_2', 'sha-12ab', '1234567890123456'])(
  '%s is no version',
  (name) => {
    expect(findVersion(name)).toBeUndefined()
  },
)

test('the texts of versions are in the order of the versions', () => {
  const random = new SeededRandom(5)
  const some = <Value>(count: number, value: () => Value) => Array.from({ length: count }, value)
  const number = () => String(random.pick([0, 0, 1, 2, 9, 10, 11, 99, 100, 999_999_999_999_999]))
  const part = () => random.pick([number(), number(), 'a', 'alpha', 'rc', 'rc-1', 'Z', '-'])
  const versions = some(120, () => {
    const before = random.chance(0.5) ? [] : some(1 + random.below(3), part)
    return versionOf([some(1 + random.below(4), number).join('.'), ...(before.length === 0 ? [] : [before.join('.')])].join('-'))
  })

  for (const one of versions) {
    for (const other of versions) {
      const [text, otherText] = [orderTextOf(one), orderTextOf(other)]
      const order = Number(text > otherText) - Number(text < otherText)
      expect([one, other, order]).toEqual([one, other, Math.sign(compareVersions(one, other))])
    }
  }
})
