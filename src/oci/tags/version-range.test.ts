import { expect, test } from 'bun:test'
import { findVersion } from './version-order.ts'
import { VersionRange } from './version-range.ts'

function suiting(range: string, versions: readonly string[]): readonly string[] {
  const found = VersionRange.find(range)
  return versions.filter((text) => {
    const version = findVersion(text)
    return version !== undefined && found?.fits(version)
  })
}

const VERSIONS = ['0.2.3', '0.2.9', '0.3.0', '1.1.9', '1.2.0', 'v1.2.3', '1.3.0-rc.1', '1.9', '2.0.0-rc.1', '2.0.0', '2.1.0', '3']

test.each([
  ['^1.2', ['1.2.0', 'v1.2.3', '1.9']],
  ['^1', ['1.1.9', '1.2.0', 'v1.2.3', '1.9']],
  ['^0.2.3', ['0.2.3', '0.2.9']],
  ['^0', ['0.2.3', '0.2.9', '0.3.0']],
  ['~1.2', ['1.2.0', 'v1.2.3']],
  ['~1', ['1.1.9', '1.2.0', 'v1.2.3', '1.9']],
  ['1.2.x', ['1.2.0', 'v1.2.3']],
  ['1.2.3', ['v1.2.3']],
  ['*', VERSIONS.filter((version) => !version.includes('-'))],
  ['>=1.2 <2', ['1.2.0', 'v1.2.3', '1.9']],
  ['> 1.2 <= 2', ['1.9', '2.0.0', '2.1.0']],
  ['<=1.2.0', ['0.2.3', '0.2.9', '0.3.0', '1.1.9', '1.2.0']],
  ['^0.2.3 || ^2', ['0.2.3', '0.2.9', '2.0.0', '2.1.0']],
])('%s is for %p', (range, versions) => {
  expect(suiting(range, VERSIONS)).toEqual([...versions])
})

test.each(['', 'latest', '^', '1..2', '>=', '^1.2 ||'])('%p is no range', (text) => {
  expect(VersionRange.find(text)).toBeUndefined()
})
