import { describe, expect, test } from 'bun:test'
import { parseTag } from '../reference.ts'
import { findTagPattern, type TagPattern, TagSelection } from './tag-selection.ts'

const ATTACHED = `sha256-${'a'.repeat(64)}.sig`
const TAGS = ['latest', 'main', 'v0.9', 'v1.0.0', '1.2', 'v1.2.0', '1.10.3', '2.0.0-rc.1', '2.0.0', '2.1-alpine', ATTACHED]

function chosenBy(...texts: readonly string[]): readonly string[] {
  const patterns = texts.map((text): TagPattern => {
    const pattern = findTagPattern(text)
    if (pattern === undefined) throw new Error(`${text} is no pattern`)
    return pattern
  })
  return new TagSelection(patterns).choose(TAGS.map(parseTag))
}

describe('tags are chosen', () => {
  test('all, where there is no pattern, but for what is attached to an image', () => {
    expect(chosenBy()).toEqual(TAGS.slice(0, -1))
    expect(chosenBy('*')).toEqual(TAGS.slice(0, -1))
  })

  test.each([
    [
      ['v*', 'main'],
      ['main', 'v0.9', 'v1.0.0', 'v1.2.0'],
    ],
    [['semver:1.x'], ['v1.0.0', '1.2', 'v1.2.0', '1.10.3']],
    [['semver:1'], ['v1.0.0', '1.2', 'v1.2.0', '1.10.3']],
    [['semver:*'], ['v0.9', 'v1.0.0', '1.2', 'v1.2.0', '1.10.3', '2.0.0']],
    [['semver:1.2'], ['1.2', 'v1.2.0']],
    [['semver:=1.2.0'], ['1.2', 'v1.2.0']],
    [['semver:^1.2'], ['1.2', 'v1.2.0', '1.10.3']],
    [['semver:^0.9'], ['v0.9']],
    [['semver:~1.2.0'], ['1.2', 'v1.2.0']],
    [['semver:~1'], ['v1.0.0', '1.2', 'v1.2.0', '1.10.3']],
    [['semver:>= 1.2 <2'], ['1.2', 'v1.2.0', '1.10.3']],
    [['semver:>1.2'], ['1.10.3', '2.0.0']],
    [['semver:<=1.2'], ['v0.9', 'v1.0.0', '1.2', 'v1.2.0']],
    [['semver:>1.2.0 <=2.0.0'], ['1.10.3', '2.0.0']],
    [['semver:>=2.0.0-rc.0'], ['2.0.0-rc.1', '2.0.0']],
    [['semver:0.9.x || >=2'], ['v0.9', '2.0.0']],
    [
      ['latest', 'semver:2'],
      ['latest', '2.0.0'],
    ],
  ] as const)('by %p', (patterns, chosen) => {
    expect(chosenBy(...patterns)).toEqual([...chosen])
  })

  test('the highest versions alone, of those that other patterns fit, and of tags that are no version those that one fits', () => {
    expect(chosenBy('newest:2')).toEqual(['2.0.0', '2.1-alpine'])
    expect(chosenBy('semver:*', 'newest:2')).toEqual(['1.10.3', '2.0.0'])
    expect(chosenBy('semver:1', 'newest:2')).toEqual(['1.2', 'v1.2.0', '1.10.3'])
    expect(chosenBy('latest', 'v*', 'newest:1')).toEqual(['latest', 'v1.2.0'])
  })
})

test.each([
  'semver:',
  'semver:latest',
  'semver:>',
  'semver:1 -',
  `semver:${'1 '.repeat(200)}`,
  'newest:0',
  'newest:x',
  'a b',
  '',
  'semver:1 || ',
])('%p is no pattern', (text) => {
  expect(findTagPattern(text)).toBeUndefined()
})
