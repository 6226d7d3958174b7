import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { examineConfig } from '../load-config.ts'

/** The problems that keep Berth from starting with this section; '' when there is none. */
function problemsOf(retention: string, more = ''): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-retention-'))
  try {
    const path = join(folder, 'config.yml')
    writeFileSync(path, `version: 0.1\nstorage: inmemory\nretention: ${retention}\n${more}`)
    const { outcome } = examineConfig({ path, environment: {} })
    return outcome instanceof Error ? outcome.message : ''
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const RULE = "repositories: ['ci/**'], tags: ['pr-*'], keep: {newest: 10, pushed: 14d, pulled: 7d}"

test('the section of the documentation is taken', () => {
  const section = `{dryrun: false, untagged: 30d, rules: [{${RULE}}, {repositories: ['**'], tags: [v*], keep: {versions: 3, moves: 5}}],
    immutable: [{repositories: ['prod/**'], tags: ['v*']}], protected: [{repositories: ['**'], tags: [latest]}], ignorepulls: [scanner]}`

  expect(problemsOf(section)).toBe('')
})

test.each([
  ['{untagged: never}', 'retention.untagged: "never" is not allowed; write keep, or a number of days or a duration'],
  ['{untagged: 1h}', 'retention.untagged: "1h" is shorter than storage.maintenance.collector.grace; write the same or more'],
  [
    "{rules: [{repositories: ['ci/**'], tags: ['pr-*']}]}",
    'retention.rules.0.keep has no line, so that every tag would go which the rule names',
  ],
  [
    "{rules: [{tags: ['pr-*'], keep: {newest: 1}}]}",
    'retention.rules.0.repositories names nothing, so the entry could never apply',
  ],
  [
    "{rules: [{repositories: ['ci/**'], keep: {newest: 1}}]}",
    'retention.rules.0.tags names nothing, so the entry could never apply',
  ],
  ["{immutable: [{repositories: ['**']}]}", 'retention.immutable.0.tags names nothing, so the entry could never apply'],
  ["{protected: [{tags: ['v*']}]}", 'retention.protected.0.repositories names nothing, so the entry could never apply'],
  [
    `{rules: [{${RULE}}, {${RULE}}]}`,
    'retention.rules.1.repositories could never apply: retention.rules.0 is about the same repositories',
  ],
  [
    `{rules: [{repositories: ['**'], tags: ['*'], keep: {newest: 1}}, {${RULE}}]}`,
    'retention.rules.1.repositories could never apply',
  ],
  ["{rules: [{repositories: ['CI'], tags: ['pr-*'], keep: {newest: 1}}]}", 'is not a pattern for repository names'],
  ["{rules: [{repositories: ['ci'], tags: ['pr/*'], keep: {newest: 1}}]}", 'is no pattern for tags'],
  ["{rules: [{repositories: ['ci'], tags: ['*'], keep: {newest: 0}}]}", 'is not allowed; use a whole number of 1 or more'],
  [
    "{rules: [{repositories: ['ci'], tags: ['*'], keep: {pushed: 0d}}]}",
    'is not allowed; write a number of days or a duration, as in 30d',
  ],
  ["{rules: [{repositories: ['ci'], tags: ['*'], keep: {newset: 1}}]}", 'newset'],
])('%s is refused with a sentence', (section, sentence) => {
  expect(problemsOf(section)).toContain(sentence)
})

test('immutable tags are refused for a cache of another registry, where tags move as they do there', () => {
  const proxy = 'proxy: {remoteurl: "https://hub.example.com"}\n'

  expect(problemsOf("{immutable: [{repositories: ['**'], tags: ['v*']}]}", proxy)).toContain(
    'retention.immutable cannot be kept by a cache of another registry',
  )
  expect(problemsOf(`{rules: [{${RULE}}]}`, proxy)).toBe('')
})
