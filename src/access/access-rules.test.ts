import { describe, expect, test } from 'bun:test'
import { RepositoryGlob } from '../oci/repository-glob.ts'
import { type Action, ANONYMOUS, type Caller } from './access.ts'
import { type AccessRule, AccessRules, BothRules, type Who } from './access-rules.ts'

const ALICE: Caller = { kind: 'user', name: 'alice', groups: ['team'] }
const BOB: Caller = { kind: 'user', name: 'bob', groups: [] }
const CI: Caller = { kind: 'robot', name: 'ci' }

describe('rules', () => {
  test('the first rule about the caller and the repository decides, whatever later ones say', () => {
    const rules = new AccessRules([
      rule([{ kind: 'group', name: 'team' }], ['team/secret/**'], []),
      rule([{ kind: 'group', name: 'team' }], ['team/**'], ['pull', 'push']),
      rule([{ kind: 'user', name: 'alice' }], ['**'], ['pull', 'push', 'delete', 'list']),
    ])

    expect(allowed(rules, ALICE, 'team/secret/app')).toEqual([])
    expect(allowed(rules, ALICE, 'team/app')).toEqual(['pull', 'push'])
    expect(allowed(rules, ALICE, 'other')).toEqual(['pull', 'push', 'delete', 'list'])
  })

  test('a rule about somebody else is passed over', () => {
    const rules = new AccessRules([
      rule([{ kind: 'user', name: 'bob' }], ['**'], []),
      rule([{ kind: 'authenticated' }], ['**'], ['pull']),
    ])

    expect(allowed(rules, BOB, 'app')).toEqual([])
    expect(allowed(rules, ALICE, 'app')).toEqual(['pull'])
  })

  test('where no rule is about the caller or the repository, nothing is allowed', () => {
    const rules = new AccessRules([rule([{ kind: 'user', name: 'alice' }], ['team/*'], ['pull'])])

    expect(allowed(rules, ALICE, 'team/app/web')).toEqual([])
    expect(allowed(rules, BOB, 'team/app')).toEqual([])
    expect(allowed(rules, ANONYMOUS, 'team/app')).toEqual([])
    expect(allowed(new AccessRules([]), ALICE, 'team/app')).toEqual([])
  })

  test('anonymous is only who gave no name, authenticated is everyone who did', () => {
    const rules = new AccessRules([
      rule([{ kind: 'anonymous' }], ['public/*'], ['pull']),
      rule([{ kind: 'authenticated' }], ['public/*'], ['pull', 'push']),
    ])

    expect(allowed(rules, ANONYMOUS, 'public/app')).toEqual(['pull'])
    for (const caller of [ALICE, BOB, CI]) expect(allowed(rules, caller, 'public/app')).toEqual(['pull', 'push'])
  })

  test('a robot is no user of the same name, and in no group', () => {
    const rules = new AccessRules([
      rule([{ kind: 'user', name: 'ci' }], ['**'], ['delete']),
      rule([{ kind: 'group', name: 'ci' }], ['**'], ['delete']),
      rule([{ kind: 'robot', name: 'alice' }], ['**'], ['delete']),
      rule([{ kind: 'robot', name: 'ci' }], ['**'], ['push']),
    ])

    expect(allowed(rules, CI, 'app')).toEqual(['push'])
    expect(allowed(rules, ALICE, 'app')).toEqual([])
  })

  test('the names in them are known, to look whether anybody has them', () => {
    const rules = new AccessRules([
      rule(
        [
          { kind: 'user', name: 'a' },
          { kind: 'group', name: 'g' },
        ],
        ['**'],
        ['pull'],
      ),
      rule([{ kind: 'user', name: 'a' }, { kind: 'robot', name: 'r' }, { kind: 'anonymous' }], ['**'], ['pull']),
    ])

    expect([rules.named('user'), rules.named('group'), rules.named('robot')]).toEqual([['a'], ['g'], ['r']])
  })
})

describe('the text of rules', () => {
  const web = [rule([{ kind: 'group', name: 'team' }], ['**/web'], ['pull', 'list'])]

  test('is the same for callers about whom the same rules are, and another as soon as a rule decides otherwise', () => {
    const open = rule([{ kind: 'user', name: 'bob' }], ['**/web'], ['list'])
    const textFor = (rules: readonly AccessRule[], caller: Caller) => new AccessRules(rules).for(caller).text('list')

    expect(textFor([...web, open], ALICE)).toBe(textFor([open], BOB))
    expect(textFor(web, BOB)).not.toBe(textFor(web, ALICE))
    for (const other of [
      [rule([{ kind: 'group', name: 'team' }], ['**/web'], ['pull'])],
      [rule([{ kind: 'group', name: 'team' }], ['**/web', '**/app'], ['list'])],
      [rule([{ kind: 'group', name: 'team' }], ['**/web'], []), ...web],
      [...web, rule([{ kind: 'user', name: 'alice' }], ['**'], ['list'])],
    ])
      expect(textFor(other, ALICE)).not.toBe(textFor(web, ALICE))
  })

  test('of what two allow together has both', () => {
    const one = new AccessRules(web).for(ALICE)
    const other = new AccessRules([rule([{ kind: 'user', name: 'alice' }], ['**'], ['list'])]).for(ALICE)

    expect(new BothRules(one, other).text('list')).not.toBe(one.text('list'))
    expect(new BothRules(one, other).text('list')).not.toBe(other.text('list'))
  })
})

function rule(who: readonly Who[], globs: readonly string[], can: readonly Action[]): AccessRule {
  return { who, repositories: globs.map((glob) => RepositoryGlob.find(glob)).filter((glob) => glob !== undefined), can }
}

function allowed(rules: AccessRules, caller: Caller, repository: string): Action[] {
  const of = rules.for(caller)
  return (['pull', 'push', 'delete', 'list'] as const).filter((action) => of.may(action, repository))
}
