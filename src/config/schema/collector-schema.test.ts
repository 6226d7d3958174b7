import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEFAULT_POLICY } from '../../registry/collect/policy.ts'
import { ConfigError } from '../config-error.ts'
import { loadConfig } from '../load-config.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-collector-schema-'))
afterAll(() => rmSync(folder, { recursive: true }))

const BUCKET = 's3: {bucket: b, region: r, accesskey: a, secretkey: s}'

function load(collector: string, { more = 'inmemory: {}', environment = {} } = {}) {
  const path = join(folder, `${crypto.randomUUID()}.yml`)
  writeFileSync(path, `version: 0.1\nstorage:\n  ${more}\n  maintenance:\n    collector: ${collector}\n`)
  return loadConfig({ path, environment }).config.storage.collector
}

function problemsOf(collector: string, more?: string): readonly string[] {
  try {
    load(collector, more === undefined ? {} : { more })
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n').slice(1)
  }
}

test('without a word about it the collector does what its policy says', () => {
  expect(DEFAULT_POLICY).toMatchObject(load('{}'))
})

test('a variable sets a key', () => {
  const environment = {
    REGISTRY_STORAGE_MAINTENANCE_COLLECTOR_GRACE: '48h',
    REGISTRY_STORAGE_MAINTENANCE_COLLECTOR_ENABLED: 'false',
  }

  expect(load('{found: 96h}', { environment })).toMatchObject({ enabled: false, graceMs: 172_800_000, foundMs: 345_600_000 })
})

test.each([
  ['{grace: 0s}', 'collector.grace: "0s" must be more than nothing'],
  ['{grace: 200h}', 'collector.found is shorter than grace'],
  ['{found: 23h}', 'collector.found: "23h" is shorter than grace; write the same or more'],
  ['{window: 299s}', 'collector.window: "299s" is too short; write 5m or more'],
  ['{interval: 59s}', 'collector.interval: "59s" is too short; write 1m or more'],
  ['{rate: -1}', 'collector.rate: "-1" is not allowed'],
  ['{brake: 101}', 'collector.brake: "101" is not allowed; use a whole number from 0 to 100'],
  ['{dryrun: perhaps}', 'collector.dryrun: "perhaps" is not allowed; use true or false'],
  ['{graces: 24h}', 'collector.graces is not a known key; did you mean storage.maintenance.collector.grace'],
])('%s is refused with its place and what to write', (collector, sentence) => {
  expect(problemsOf(collector)).toEqual([expect.stringContaining(sentence)])
})

test('a window must outlast the URLs to which clients are sent', () => {
  const redirecting = `${BUCKET}\n  redirect: {disable: false}`

  expect(problemsOf('{window: 24m}', redirecting)).toEqual([
    expect.stringMatching(/window: "24m" is too short .* write 25m or more/),
  ])
  expect(problemsOf('{window: 25m}', redirecting)).toEqual([])
  expect(problemsOf('{window: 5m}', BUCKET)).toEqual([])
})
