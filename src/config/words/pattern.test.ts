import { expect, test } from 'bun:test'
import { Pattern } from './pattern.ts'

test.each([
  ['^https?://([^/]+\\.)*example\\.com/', 'https://a.example.com/x', 'https://example.org/'],
  ['(?i)^HTTPS://a', 'https://a', 'http://a'],
  ['\\Ahttps://a\\z', 'https://a', 'https://a/b'],
  ['^https\\://a\\,b', 'https://a,b', 'https://ab'],
  ['(?P<host>a|b)[a\\-z]\\.com', 'b-.com', 'bx.com'],
  ['^[[:alpha:]]+$', 'abc', 'a1'],
  ['^\\Qa.b\\E$', 'a.b', 'axb'],
  ['^(?U)a+$', 'aa', 'b'],
  ['^(?s:.)$', '\n', ''],
])('%s matches what it matches in registry:2', (text, match, other) => {
  const found = Pattern.find(text)

  expect(found?.test(match)).toBe(true)
  expect(found?.test(other)).toBe(false)
})

test.each([['('], ['a\\Kb'], ['*'], ['(?=a)'], ['(?<=a)b'], ['(a)\\1'], ['(a{1000}){1000}']])(
  '%s is refused, as registry:2 refuses it',
  (text) => {
    expect(Pattern.find(text)).toBeUndefined()
  },
)

test.each([
  ['^https?://([^/]+\\.)*example\\.com/', `https://${'a.'.repeat(100_000)}x`],
  ['^(a+)+$', `${'a'.repeat(100_000)}b`],
  ['(x+x+)+y', 'x'.repeat(100_000)],
])('%s says of a long text that nearly fits that it does not', (text, nearly) => {
  // An engine that tries every way does not come to an end here.
  expect(Pattern.find(text)?.test(nearly)).toBe(false)
})

test('one that many texts have been asked of remembers a bounded number of steps', () => {
  const found = Pattern.find('[01]*1[01]{60}$')

  for (let round = 0; round < 20; round += 1) {
    const text = Array.from({ length: 2_000 }, (_, index) => ((index * (round + 7)) % 5 < 2 ? '1' : '0')).join('')
    expect(found?.test(text)).toBe(text.at(-61) === '1')
  }
})
