import { expect, test } from 'bun:test'
import { findPattern } from './pattern.ts'

test.each([
  ['^https?://([^/]+\\.)*example\\.com/', 'https://a.example.com/x', 'https://example.org/'],
  ['(?i)^HTTPS://a', 'https://a', 'http://a'],
  ['\\Ahttps://a\\z', 'https://a', 'https://a/b'],
  ['^https\\://a\\,b', 'https://a,b', 'https://ab'],
  ['(?P<host>a|b)[a\\-z]\\.com', 'b-.com', 'bx.com'],
])('%s matches what it matches in registry:2', (text, match, other) => {
  const found = findPattern(text)

  expect(found?.test(match)).toBe(true)
  expect(found?.test(other)).toBe(false)
})

test.each([['('], ['[[:alpha:]]'], ['\\Qa.b\\E'], ['(?U)a+'], ['a\\Kb'], ['*']])(
  '%s is refused: it has another meaning here, or none',
  (text) => {
    expect(findPattern(text)).toBeUndefined()
  },
)
