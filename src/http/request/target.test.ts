import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseTarget } from './target.ts'

const pieces = fc.constantFrom(
  'a',
  'V1',
  '/',
  '//',
  '.',
  '..',
  '%2e',
  '%2F',
  '?',
  'n=1',
  '#',
  '\\',
  ' ',
  '\t',
  '~',
  '@',
  ':',
  ';',
  'é',
  '[',
)

test('a target is what the URL standard makes of it', () => {
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
      const text = `http://localhost:5000/${parts.join('')}`

      const { pathname, search, searchParams } = parseTarget(text)

      const url = new URL(text)
      expect({ pathname, search, parameters: String(searchParams) }).toEqual({
        pathname: url.pathname,
        search: url.search,
        parameters: String(url.searchParams),
      })
    }),
    { numRuns: 2000 },
  )
})

test('what cannot be a URL is said to be no path', () => {
  expect(() => parseTarget('http://[/v2/')).toThrow('not a valid path')
})
