import { expect, test } from 'bun:test'
import { StartError } from '../../composition/start-error.ts'
import { selectionOf } from './deletion-words.ts'

const HEX = 'a'.repeat(64)
const nothing = { target: undefined, repositories: undefined, tags: undefined }

test.each([
  ['team/app', { kind: 'repository', repository: 'team/app' }],
  ['team/app:v1', { kind: 'tag', repository: 'team/app', tag: 'v1' }],
  [`team/app@sha256:${HEX}`, { kind: 'manifest', repository: 'team/app', digest: `sha256:${HEX}` }],
])('%s names what it says', (target, selection) => {
  expect(selectionOf({ ...nothing, target })).toEqual(selection as never)
})

test('patterns mean whole repositories, and with --tags tags alone', () => {
  const whole = selectionOf({ ...nothing, repositories: 'ci/**' })
  const tags = selectionOf({ ...nothing, repositories: 'ci/**', tags: 'pr-*' })
  const inOne = selectionOf({ ...nothing, target: 'team/app', tags: 'pr-*' })

  expect([whole.kind, tags.kind, inOne.kind]).toEqual(['repositories', 'tags', 'tags'])
  expect(inOne).toMatchObject({ repositories: 'team/app' })
})

test.each([
  [{}, 'Name what to delete: '],
  [{ target: 'localhost:5000/team/app:v1' }, 'names no repository; write its name as the registry has it, without the address'],
  [{ target: 'team/app:-' }, '- can be no tag.'],
  [{ target: 'team/app@sha256:12' }, 'sha256:12 is no digest'],
  [{ target: 'team/app', repositories: 'team/app' }, 'not both'],
  [{ target: 'team/app:v1', tags: 'v*' }, 'names one image already'],
  [{ repositories: 'Team/*' }, 'is not a pattern for repository names'],
  [{ repositories: 'team/*', tags: 'a/b' }, 'is no pattern for tags'],
])('%j is refused with a sentence', (words, sentence) => {
  const select = () => selectionOf({ ...nothing, ...words })

  expect(select).toThrow(StartError)
  expect(select).toThrow(sentence)
})
