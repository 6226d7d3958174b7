import { expect, test } from 'bun:test'
import { innerPath } from './inner-path.ts'

test.each([
  ['a', 'a'],
  ['a/b.c/.d/..e/...', 'a/b.c/.d/..e/...'],
  ['', ''],
  ['.', ''],
  ['./a', 'a'],
  ['a/', 'a'],
  ['a//b', 'a/b'],
  ['a/./b', 'a/b'],
  ['a/.', 'a'],
  ['/a', undefined],
  ['..', undefined],
  ['../a', undefined],
  ['a/../b', undefined],
  ['a/..', undefined],
  ['a\0b', undefined],
])('the path %j of an archive is %j', (path, expected) => {
  expect(innerPath(path)).toBe(expected)
})
