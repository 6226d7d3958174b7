import { describe, expect, test } from 'bun:test'
import { findRepositoryName, parseRepositoryName } from './name.ts'

const NAMES = [
  'a',
  '0',
  'library/alpine',
  'a/b/c/d/e/f',
  'a.b',
  'a_b',
  'a__b',
  'a-b',
  'a---b',
  'a-b.c_d__e--f',
  'v2/blobs/uploads',
  'tags/list',
  'manifests/manifests',
  'docker.io/library/alpine',
  'a'.repeat(255),
]

const NO_NAMES = [
  '',
  '/',
  'a/',
  '/a',
  'a//b',
  'A',
  'a/B',
  '_catalog',
  'a_',
  '_a',
  '.a',
  'a.',
  'a..b',
  'a___b',
  'a._b',
  'a-_b',
  'a:b',
  'a b',
  'a\n',
  '\na',
  'a\u0000b',
  'ä',
  'a/../b',
  'a/./b',
  'a\\b',
  'a%2Fb',
  'a'.repeat(256),
]

describe('a repository name (distribution-spec "Pulling manifests")', () => {
  test.each(NAMES)('may be %p', (text) => {
    expect(String(findRepositoryName(text))).toBe(text)
    expect(String(parseRepositoryName(text))).toBe(text)
  })

  test.each(NO_NAMES)('may not be %j', (text) => {
    expect(findRepositoryName(text)).toBeUndefined()
    expect(() => parseRepositoryName(text)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
  })

  test('that is refused is told back, but not all of a long one', () => {
    expect(() => parseRepositoryName('X'.repeat(10_000))).toThrow(expect.objectContaining({ detail: 'X'.repeat(300) }))
  })
})
