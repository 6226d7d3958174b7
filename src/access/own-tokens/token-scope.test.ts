import { expect, test } from 'bun:test'
import { parseRepositoryName } from '../../oci/name.ts'
import { RepositoryGlob } from '../../oci/repository-glob.ts'
import type { Action } from '../access.ts'
import { CallerRules } from '../access-rules.ts'
import {
  accessSize,
  covers,
  coversAccounts,
  coversCatalog,
  formatAccess,
  type GrantedCaller,
  grant,
  parseScopes,
} from './token-scope.ts'

const APP = parseRepositoryName('team/app')

test('scopes come one by one or several in one, and what is none is passed over', () => {
  const names = (...parameters: string[]) => parseScopes(parameters).map(({ name, actions }) => `${name}:${actions}`)

  expect(names('repository:team/app:pull,push', 'repository:base:pull')).toEqual(['team/app:pull,push', 'base:pull'])
  expect(names('repository:team/app:pull  repository:base:pull')).toEqual(['team/app:pull', 'base:pull'])
  expect(names('repository(plugin):team/app:pull')).toEqual(['team/app:pull'])
  expect(names('registry:catalog:*')).toEqual(['catalog:*'])
  expect(names('repository:team/app:')).toEqual(['team/app:'])
})

test.each([
  '',
  'pull',
  'repository',
  'repository:app',
  'repository:App:pull',
  'repository:../app:pull',
  'repository:a//b:pull',
  'repository:a%2Fb:pull',
  'repository:app:PULL',
  'registry:users:*',
  'registry:app:pull',
  'admin:app:pull',
  'repository::pull',
  'repository:localhost:5000/app:pull',
])('%j asks for nothing that could be granted', (text) => {
  expect(parseScopes([text])).toEqual([])
})

test('of many scopes none is passed over', () => {
  expect(parseScopes([Array.from({ length: 500 }, (_, index) => `repository:a${index}:pull`).join(' ')])).toHaveLength(500)
})

test('granted is what is asked and allowed, and nothing when nothing is', () => {
  const rules = rulesFor({ 'team/*': ['pull', 'push'], base: ['pull', 'list'] })
  const granted = grant(
    { rules, accounts: 'none' },
    parseScopes(['repository:team/app:pull,push,delete', 'repository:base:push', 'repository:other:pull']),
  )

  expect(granted).toEqual([{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }])
  expect(formatAccess(granted)).toBe('repository:team/app:pull,push')
})

test('a repository that is asked for again and again is granted once', () => {
  const asked = Array.from({ length: 100 }, (_, index) => `repository:team/app:${index % 2 === 0 ? 'pull' : 'push'}`)

  expect(grant(byRules({ 'team/*': ['pull', 'push'] }), parseScopes(asked))).toEqual([
    { type: 'repository', name: 'team/app', actions: ['pull', 'push'] },
  ])
})

test('a hundred names without a right leave nothing in a token, and nothing in memory', () => {
  const asked = Array.from({ length: 100 }, (_, index) => `repository:${'a'.repeat(200)}/${index}:pull,push`)

  const granted = grant(byRules({ base: ['pull'] }), parseScopes(asked))

  expect(granted).toEqual([])
  expect(accessSize(granted)).toBe(0)
})

test('who asks to pull may look at tags, also where the rules allow that alone', () => {
  const rules = rulesFor({ 'team/app': ['list'], base: ['pull', 'list'] })
  const granted = grant({ rules, accounts: 'none' }, parseScopes(['repository:team/app:pull', 'repository:base:pull']))

  expect(granted.map(({ actions }) => actions)).toEqual([['list'], ['pull', 'list']])
})

test('a star stands for everything that is allowed', () => {
  const granted = grant(byRules({ 'team/app': ['pull', 'delete'] }), parseScopes(['repository:team/app:*']))

  expect(granted[0]?.actions).toEqual(['pull', 'delete'])
})

test('the catalog is granted to those who may list something', () => {
  const asked = parseScopes(['registry:catalog:*'])

  expect(coversCatalog(grant(byRules({ base: ['list'] }), asked))).toBe(true)
  expect(coversCatalog(grant(byRules({ base: ['pull'] }), asked))).toBe(false)
})

test('accounts are granted to those who may do something with them', () => {
  const asked = parseScopes(['registry:accounts:*'])
  const { rules } = byRules({ base: ['pull'] })

  for (const accounts of ['own', 'all'] as const) {
    expect(coversAccounts(grant({ rules, accounts }, asked))).toBe(true)
    expect(coversCatalog(grant({ rules, accounts }, asked))).toBe(false)
  }
  expect(coversAccounts(grant({ rules, accounts: 'none' }, asked))).toBe(false)
  expect(coversAccounts(grant({ rules, accounts: 'all' }, parseScopes(['registry:catalog:*', 'repository:base:*'])))).toBe(false)
})

test('a token covers its own repository and its own actions, and nothing beside', () => {
  const granted = [{ type: 'repository', name: 'team/app', actions: ['pull'] }]

  expect(covers(granted, 'pull', APP)).toBe(true)
  expect(covers(granted, 'push', APP)).toBe(false)
  expect(covers(granted, 'pull', parseRepositoryName('team/app2'))).toBe(false)
  expect(covers(granted, 'pull', parseRepositoryName('team'))).toBe(false)
  expect(covers([{ type: 'registry', name: 'team/app', actions: ['pull'] }], 'pull', APP)).toBe(false)
  expect(covers([{ type: 'registry', name: 'catalog', actions: ['*'] }], 'pull', APP)).toBe(false)
  expect(covers([{ type: 'registry', name: 'catalog', actions: ['*'] }], 'list', APP)).toBe(true)
})

function rulesFor(rules: Readonly<Record<string, readonly Action[]>>): CallerRules {
  return new CallerRules(
    Object.entries(rules).map(([glob, can]) => ({
      repositories: [RepositoryGlob.find(glob)].filter((found) => found !== undefined),
      can,
    })),
  )
}

function byRules(rights: Parameters<typeof rulesFor>[0]): GrantedCaller {
  return { rules: rulesFor(rights), accounts: 'none' }
}
