import { expect, test } from 'bun:test'
import { justBefore, rangeFrom, rangesOf, rangesWithin } from './name-ranges.ts'
import { RepositoryGlob } from './repository-glob.ts'

const NAMES = ['a', 'team', 'team-a/app', 'team/app', 'team/app/web', 'team/apple', 'teams/app', 'z/app'].toSorted()

function globs(...texts: readonly string[]): readonly RepositoryGlob[] {
  return texts.map((text) => RepositoryGlob.find(text)).filter((glob) => glob !== undefined)
}

test.each([
  [['team/**'], ['team/app', 'team/app/web', 'team/apple']],
  [['team/app'], ['team/app']],
  [['team*'], NAMES.filter((name) => name.startsWith('team'))],
  [
    ['team/app', 'team/**', 'z/*'],
    ['team/app', 'team/app/web', 'team/apple', 'z/app'],
  ],
  [['**/app'], NAMES],
  [[], []],
] as const)('%j lie in ranges with %j', (patterns, expected) => {
  const ranges = rangesOf(globs(...patterns))

  const inside = NAMES.filter((name) => ranges.some(({ from, below }) => name >= from && name < below))
  expect(inside).toEqual([...expected])
  for (const [index, { below }] of ranges.entries()) expect(below < (ranges[index + 1]?.from ?? '\u{10ffff}~')).toBe(true)
})

test('very many patterns lie in one range', () => {
  const many = Array.from({ length: 500 }, (_, number) => `r${number}/**`)

  const ranges = rangesOf(globs(...many))

  expect(ranges).toHaveLength(1)
  expect(many.every((pattern) => pattern.replace('**', 'x') >= (ranges[0]?.from ?? '~'))).toBe(true)
})

test('the part of ranges that begins with a text', () => {
  const ranges = rangesOf(globs('a/**', 'team/app', 'team/b*', 'z'))

  expect(rangesWithin(ranges, rangeFrom('team/'))).toEqual(rangesOf(globs('team/app', 'team/b*')))
  expect(rangesWithin(ranges, rangeFrom('team/app/x'))).toEqual([])
  expect(rangesWithin(ranges, rangeFrom(''))).toEqual(ranges)
})

test('what is just before a text is before it and behind every name that is', () => {
  for (const text of [...NAMES, 'team/', 'b'])
    for (const name of NAMES) expect([text, name, name > justBefore(text)]).toEqual([text, name, name >= text])
})

test.each([
  [['**/app'], ['/app']],
  [
    ['*/app', '*-web'],
    ['/app', '-web'],
  ],
  [
    ['team/**', '**/app'],
    ['/app', 'team/'],
  ],
  [['team-*/a*b/**'], ['/a']],
  [['a*/web/**'], ['/web/']],
  [['**', '**/app'], undefined],
  [['team/**'], undefined],
  [['team/app'], undefined],
  [Array.from({ length: 25 }, (_, number) => `**/app-${number}`), undefined],
] as const)('of what %j name each name has one of %j', (patterns, pieces) => {
  const [range] = rangesOf(globs(...patterns))

  expect(range?.pieces?.toSorted()).toEqual(pieces?.toSorted())
})

test('what fits a pattern lies in a range, and has one of its pieces', () => {
  for (const pattern of ['**/app', '*/app', 'team*/**', '**/app/**', '*', 't*m/a*p', '**/a*', 'z/*']) {
    const [glob] = globs(pattern)
    for (const name of NAMES.filter((each) => glob?.fits(each) === true)) {
      const inside = rangesOf(globs(pattern)).find(({ from, below }) => name >= from && name < below)
      expect([pattern, name, inside?.pieces?.some((piece) => name.includes(piece)) ?? inside !== undefined]).toEqual([
        pattern,
        name,
        true,
      ])
    }
  }
})
