import { expect, test } from 'bun:test'
import fc from 'fast-check'
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

/** The same rules as one expression that tries every place; only for short texts. */
function slowlyFits(glob: string, repository: string): boolean {
  const parts = glob.split('/').map((part) => {
    if (part === '**') return '[^/]+(?:/[^/]+)*'
    return part
      .split(/\*+/)
      .map((text) => text.replaceAll('.', '\\.'))
      .join('[^/]*')
  })
  return new RegExp(`^${parts.join('/')}$`).test(repository)
}

test('each pattern fits what the same pattern as a regular expression fits', () => {
  const part = fc.string({ unit: fc.constantFrom('a', 'b', '*', '-'), minLength: 1, maxLength: 5 })
  const globs = fc.array(fc.oneof(part, fc.constant('**')), { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'))
  const word = fc.string({ unit: fc.constantFrom('a', 'b', '-'), minLength: 1, maxLength: 6 })
  const names = fc.array(word, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'))

  fc.assert(
    fc.property(globs, names, (glob, name) => {
      const found = RepositoryGlob.find(glob)
      fc.pre(found !== undefined)
      expect(`${glob} ${name} ${found.fits(name)}`).toBe(`${glob} ${name} ${slowlyFits(glob, name)}`)
    }),
    { numRuns: 2_000 },
  )
})

test.each([
  [`${'*'.repeat(100)}x${'*'.repeat(100)}y`, 'x'.repeat(255)],
  [`${'*-'.repeat(120)}dev`, 'a-'.repeat(120)],
  [`${'*a'.repeat(127)}b`, 'a'.repeat(255)],
  [`${'**/a/'.repeat(50)}b`, `${'a/'.repeat(127)}a`],
  [`${'**/'.repeat(84)}b`, `${'a/'.repeat(127)}a`],
])('%s says of a name that nearly fits that it does not', (glob, name) => {
  // An expression that tries every place does not come to an end here.
  expect(fits(glob, name)).toBe(false)
})
