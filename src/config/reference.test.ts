import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderReference } from './reference.ts'

test('docs/configuration.md is what `npm run docs` makes', () => {
  const page = readFileSync(join(import.meta.dir, '../../docs/configuration.md'), 'utf8')

  expect(page === renderReference() ? 'current' : 'out of date: run `npm run docs`').toBe('current')
})

test('every key has a meaning, and a default or an example', () => {
  const rows = renderReference()
    .split('\n')
    .filter((line) => line.startsWith('| `') && line.split(/(?<!\\)\|/).length === 6)

  expect(rows.length).toBeGreaterThan(60)
  expect(rows.filter((row) => row.includes('undefined'))).toEqual([])
})
