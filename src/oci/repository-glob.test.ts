import { expect, test } from 'bun:test'
import { RepositoryGlob } from './repository-glob.ts'

function fits(glob: string, repository: string): boolean | undefined {
  return RepositoryGlob.find(glob)?.fits(repository)
}

test('a star stands for letters within one part of a name', () => {
  expect(fits('team/*', 'team/app')).toBe(true)
  expect(fits('team/*', 'team/app/web')).toBe(false)
  expect(fits('team/*', 'team')).toBe(false)
  expect(fits('team/app-*', 'team/app-web')).toBe(true)
  expect(fits('*/base', 'library/base')).toBe(true)
  expect(fits('*', 'team/app')).toBe(false)
})

test('two stars stand for one or more whole parts', () => {
  expect(fits('**', 'app')).toBe(true)
  expect(fits('**', 'team/app/web')).toBe(true)
  expect(fits('team/**', 'team/app/web')).toBe(true)
  expect(fits('team/**', 'team')).toBe(false)
  expect(fits('team/**', 'teams/app')).toBe(false)
  expect(fits('**/base', 'a/b/base')).toBe(true)
  expect(fits('**/base', 'base')).toBe(false)
  expect(fits('a/**/z', 'a/b/c/z')).toBe(true)
})

test('everything else stands for itself', () => {
  expect(fits('team.a/app_b', 'team.a/app_b')).toBe(true)
  expect(fits('team.a/app', 'teamxa/app')).toBe(false)
  expect(fits('app', 'app2')).toBe(false)
  expect(fits('app', 'my/app')).toBe(false)
})

test.each(['', '/', 'a//b', '/a', 'a/', 'Team/*', 'a b', 'a/[bc]', 'a/{b,c}', 'a:b', '../a', 'a\\b', 'a'.repeat(256)])(
  '%j is no pattern: no name could fit it',
  (text) => expect(RepositoryGlob.find(text)).toBeUndefined(),
)

test('stars in a row cost no more than one', () => {
  const glob = RepositoryGlob.find(`${'*'.repeat(100)}x${'*'.repeat(100)}y`)
  const startedAt = performance.now()

  expect(glob?.fits(`${'x'.repeat(250)}`)).toBe(false)

  // Where each star multiplies the ways, this takes for ever.
  expect(performance.now() - startedAt).toBeLessThan(1_000)
})
