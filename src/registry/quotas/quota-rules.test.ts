import { describe, expect, test } from 'bun:test'
import { parseRepositoryName } from '../../oci/name.ts'
import { RepositoryGlob } from '../../oci/repository-glob.ts'
import { type QuotaRule, QuotaRules } from './quota-rules.ts'
import { QuotaReached, warningOf } from './quota-words.ts'

const LIMITS = { limitBytes: 10_000, warnBytes: 8_000 }

function rule(
  name: string,
  repositories: readonly string[],
  more: { readonly isEach?: boolean; readonly except?: readonly string[] } = {},
): QuotaRule {
  const globs = (texts: readonly string[]) => texts.flatMap((text) => RepositoryGlob.find(text) ?? [])
  return { name, repositories: globs(repositories), except: globs(more.except ?? []), isEach: more.isEach ?? false, ...LIMITS }
}

const RULES = new QuotaRules([
  rule('all', ['**']),
  rule('team', ['team/**', 'team-*/**']),
  rule('own', ['*/**'], { isEach: true, except: ['team/**'] }),
  rule('homes', ['srv/home-*/**', 'home/*'], { isEach: true }),
])

test.each([
  ['app', ['all']],
  ['team/app', ['all', 'team']],
  ['team-x/app', ['all', 'team', 'own/team-x']],
  ['alice/app', ['all', 'own/alice']],
  ['alice/deep/app', ['all', 'own/alice']],
  ['home/bob', ['all', 'own/home', 'homes/bob']],
  ['srv/home-eve/app', ['all', 'own/srv', 'homes/home-eve']],
])('the quotas of %s are %j', (repository, names) => {
  expect(RULES.of(parseRepositoryName(repository)).map(({ name }) => name)).toEqual(names)
})

test('a quota is found by its name, as long as a rule has it', () => {
  expect(RULES.named('own/alice')).toEqual({ name: 'own/alice', ...LIMITS })
  expect(RULES.named('team')).toEqual({ name: 'team', ...LIMITS })
  expect([RULES.named('own'), RULES.named('team/alice'), RULES.named('gone')]).toEqual([undefined, undefined, undefined])
})

test('what is counted where does not depend on limits, and depends on everything else', () => {
  const text = (rules: readonly QuotaRule[]) => new QuotaRules(rules).text
  const one = rule('a', ['a/**'])

  expect(text([])).toBe('')
  expect(text([{ ...one, limitBytes: 1, warnBytes: undefined }])).toBe(text([one]))
  const others = [rule('b', ['a/**']), rule('a', ['b/**']), rule('a', ['a/**'], { except: ['a/b'] }), { ...one, isEach: true }]
  expect(new Set([one, ...others].map((each) => text([each]))).size).toBe(5)
})

describe('a sentence', () => {
  const quota = { name: 'team', limitBytes: 10_000_000_000, warnBytes: 8_000_000_000 }

  test('names the quota, its limit, what it holds, what is left and what would help', () => {
    const { code, message, detail } = new QuotaReached(quota, 9_900_000_000, 300_000_000)

    expect(code).toBe('DENIED')
    expect(message).toBe(
      'The quota team allows 10 GB and holds 9.9 GB: this content is larger than the 100 MB left. Delete images that are not needed (the operator of the registry has berth delete for many at once), or ask for a higher limit.',
    )
    expect(detail).toEqual({ quota: 'team', limitBytes: 10_000_000_000, usedBytes: 9_900_000_000, addedBytes: 300_000_000 })
  })

  test('says that nothing is left where pushes that ran side by side took more', () => {
    expect(new QuotaReached(quota, 10_100_000_000, 1).message).toContain('holds 10.1 GB: nothing more can be added. Delete')
  })

  test('warns with and without a limit', () => {
    expect(warningOf(quota, 8_500_000_000)).toBe('The quota team holds 8.5 GB of 10 GB; above that pushes are refused.')
    expect(warningOf({ ...quota, limitBytes: undefined }, 8_500_000_000)).toBe(
      'The quota team holds 8.5 GB, more than the 8 GB that it is to hold.',
    )
  })
})
