import { expect, test } from 'bun:test'
import { chooseTag, findPolicy } from './policy.ts'

const TAGS = ['latest', '1.2.0', '1.10.0', '1.9.3', '2.0.0', '1.11.0-rc.1', 'main-9', 'main-10', 'main-10-old', 'dev']

test.each([
  ['digest', 'latest', 'latest'],
  ['semver:^1.2', '1.2.0', '1.10.0'],
  ['semver:^1.2', 'latest', '1.10.0'],
  ['semver:^3', '2.0.0', '2.0.0'],
  ['semver:^1.2', '1.12.0', '1.12.0'],
  ['pattern:main-*', 'main-9', 'main-10-old'],
  ['pattern:main-1*', 'main-10-old', 'main-10-old'],
  ['pattern:1.*', '1.2.0', '1.11.0-rc.1'],
])('by the policy %s a container of %s runs %s', (text, current, chosen) => {
  const policy = findPolicy(text)

  expect(policy === undefined ? undefined : chooseTag(policy, current, TAGS)).toBe(chosen)
})

test.each(['', 'semver:', 'semver:latest', 'pattern:', 'pattern:a b', 'newest', 'Digest'])('%p is no policy', (text) => {
  expect(findPolicy(text)).toBeUndefined()
})
