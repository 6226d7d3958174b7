import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from '../config-error.ts'
import { loadConfig } from '../load-config.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-access-schema-'))
afterAll(() => rmSync(folder, { recursive: true }))

function load(access: string) {
  const path = join(folder, `${crypto.randomUUID()}.yml`)
  writeFileSync(path, `version: 0.1\nstorage: inmemory\n${access}`)
  return loadConfig({ path, environment: {} })
}

function problemsOf(access: string): string[] {
  try {
    load(access)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n').slice(1)
  }
}

test('rules come in the order of the file, as the program uses them', () => {
  const { access } = load(`access:
  rules:
    - who: [group:team, 'user:a:b', robot:ci]
      repositories: [team/**, base]
      can: [Pull, push]
    - {who: [anonymous, authenticated], repositories: ['**'], can: []}
`).config

  expect(access?.rules.map(({ who }) => who)).toEqual([
    [
      { kind: 'group', name: 'team' },
      { kind: 'user', name: 'a:b' },
      { kind: 'robot', name: 'ci' },
    ],
    [{ kind: 'anonymous' }, { kind: 'authenticated' }],
  ])
  expect(access?.rules[0]?.repositories.map((glob) => glob.fits('team/app'))).toEqual([true, false])
  expect(access?.rules.map(({ can }) => can)).toEqual([['pull', 'push'], []])
})

test('admins are users and groups', () => {
  expect(load("access: {admins: ['user:alice', 'group:ops']}").config.access?.admins).toEqual([
    { kind: 'user', name: 'alice' },
    { kind: 'group', name: 'ops' },
  ])
  expect(problemsOf("access: {admins: [authenticated, 'robot:ci', alice]}")).toEqual([
    ...[0, 1, 2].map((index) => expect.stringContaining(`access.admins.${index}: `)),
  ])
})

test('the section alone is a decision: nothing is allowed to anybody', () => {
  expect(load('access:\n').config.access?.rules).toEqual([])
  expect(load('').config.access).toBeUndefined()
})

test('every mistake in a rule is told, with its place', () => {
  const problems = problemsOf(`access:
  tokenlifetime: 10s
  rules:
    - who: [everyone, 'group:', 'team:a']
      repositories: [Team/*, a//b]
      can: [read]
    - who: alice
      repository: [a]
`)

  expect(problems).toEqual([
    expect.stringMatching(/line 6: access\.rules\.0\.who\.0: .*is nobody; write anonymous, authenticated, user:NAME/),
    expect.stringMatching(/access\.rules\.0\.who\.1: /),
    expect.stringMatching(/access\.rules\.0\.who\.2: /),
    expect.stringMatching(/line 7: access\.rules\.0\.repositories\.0: .*is not a pattern for repository names/),
    expect.stringMatching(/access\.rules\.0\.repositories\.1: /),
    expect.stringMatching(/line 8: access\.rules\.0\.can\.0: "read" is not allowed; use pull, push, delete or list/),
    expect.stringMatching(/line 9: access\.rules\.1\.who.* is a list: write \[one, another\]/),
    expect.stringMatching(
      /line 10: access\.rules\.1\.repository is not a known key; did you mean access\.rules\.1\.repositories/,
    ),
  ])
})

test('a rule that could never apply is a mistake, and so is a token that no client could use', () => {
  expect(problemsOf(`access: {tokenlifetime: 59s, rules: [{can: [pull]}]}`)).toEqual([
    expect.stringContaining('access.rules.0.who names nothing, so the rule could never apply'),
    expect.stringContaining('access.rules.0.repositories names nothing, so the rule could never apply'),
    expect.stringContaining('access.tokenlifetime: "59s" is too short; write 1m or more'),
  ])
})
