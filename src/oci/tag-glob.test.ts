import { expect, test } from 'bun:test'
import { TagGlob } from './tag-glob.ts'

test.each([
  ['pr-*', 'pr-12', true],
  ['pr-*', 'PR-12', false],
  ['*', 'anything', true],
  ['v1', 'v1', true],
  ['v1', 'v1.2', false],
  ['*-rc*', 'v2-rc1', true],
  ['*.*.0', 'v1.2.0', true],
  ['*.*.0', 'v1.0', false],
])('the pattern %p for tags and the tag %p: %p', (pattern, tag, fits) => {
  expect(TagGlob.find(pattern)?.fits(tag)).toBe(fits)
})

test.each(['', '-x', 'a/b', 'a:b', 'ä', 'a b'])('%p is no pattern for tags', (text) => {
  expect(TagGlob.find(text)).toBeUndefined()
})

test('a pattern of many stars is answered at once', () => {
  const glob = TagGlob.find(`${'*a'.repeat(60)}*b`)

  expect(glob?.fits('a'.repeat(128))).toBe(false)
})
