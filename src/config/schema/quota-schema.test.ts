import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from '../config-error.ts'
import { loadConfig } from '../load-config.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-quota-schema-'))
afterAll(() => rmSync(folder, { recursive: true }))

function load(quotas: string, environment = {}) {
  const path = join(folder, `${crypto.randomUUID()}.yml`)
  writeFileSync(path, `version: 0.1\nstorage: inmemory\nquotas: ${quotas}\n`)
  return loadConfig({ path, environment }).config.quotas
}

function problemsOf(quotas: string): readonly string[] {
  try {
    load(quotas)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n').slice(1)
  }
}

test('quotas are read with sizes as people write them, and variables change them', () => {
  const quotas =
    '[{name: team, repositories: [team/**], limit: 10GB, warn: 8 GiB}, {name: own, repositories: ["*/**"], each: true, warn: 5e}]'

  const [team, own] = load(quotas.replace('5e', '5TB'), { REGISTRY_QUOTAS_0_LIMIT: '20GB' })

  expect(team).toMatchObject({ name: 'team', isEach: false, limitBytes: 20_000_000_000, warnBytes: 8 * 2 ** 30 })
  expect(team?.repositories.map(String)).toEqual(['team/**'])
  expect(own).toMatchObject({ name: 'own', isEach: true, limitBytes: undefined, warnBytes: 5_000_000_000_000 })
  expect(load('[]')).toEqual([])
})

test.each([
  ['[{repositories: [a], limit: 1GB}]', 'quotas.0.name must be set'],
  ['[{name: "a/b", repositories: [a], limit: 1GB}]', 'quotas.0.name: "a/b" can be no name'],
  ['[{name: a, limit: 1GB}]', 'quotas.0.repositories names nothing, so the quota could never hold'],
  ['[{name: a, repositories: [A/b], limit: 1GB}]', 'is not a pattern for repository names'],
  ['[{name: a, repositories: [a]}]', 'quotas.0.limit and warn are both missing; set one of them'],
  [
    '[{name: a, repositories: [a], limit: 10G}]',
    'quotas.0.limit: "10G" is not a size; write a number with its unit, as in 500MB',
  ],
  ['[{name: a, repositories: [a], limit: 0}]', 'is not a size'],
  ['[{name: a, repositories: [a], limit: 1GB, warn: 1GB}]', 'quotas.0.warn: "1GB" is not below limit'],
  ['[{name: a, repositories: [a], limit: 1GB}, {name: a, repositories: [b], limit: 1GB}]', 'is the name of another quota'],
  ['[{name: a, repositories: [a/**], each: true, limit: 1GB}]', 'has no single * before any **, which each needs'],
  ['[{name: a, repositories: [a], limt: 1GB}]', 'quotas.0.limt is not a known key; did you mean quotas.0.limit'],
])('%s is refused with its place and what to write', (quotas, sentence) => {
  expect(problemsOf(quotas).join('\n')).toContain(sentence)
})
