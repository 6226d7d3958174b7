import { expect, test } from 'bun:test'
import { shownText } from './shown-text.ts'

test.each([
  ['Apache Thrift', 'Apache Thrift'],
  ['  two\r\n\tlines\u2028more ', 'two lines more'],
  ['\u001b[31mred\u0007', '[31mred'],
  ['gpj.\u202etxt.exe', 'gpj.txt.exe'],
  ['a\u2066b\u2069c\u200bd\ufeffe\u200ff', 'abcdef'],
  ['half \ud83d', 'half'],
  ['<script>alert(1)</script>', '<script>alert(1)</script>'],
  ['ürün 製品 😀', 'ürün 製品 😀'],
])('%j is shown as %j', (text, shown) => {
  expect(shownText(text, 100)).toBe(shown)
})

test('a text of a million letters is cut, and a character is never cut in half', () => {
  expect(shownText('a'.repeat(1_000_000), 10)).toBe('aaaaaaaaaa')
  expect(shownText('aaaaaaaaa😀', 10)).toBe('aaaaaaaaa')
})
