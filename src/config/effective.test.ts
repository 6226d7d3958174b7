import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { renderSettings } from './effective.ts'
import type { Environment } from './environment.ts'
import { loadConfig } from './load-config.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-effective-'))
const path = join(folder, 'config.yml')
afterAll(() => rmSync(folder, { recursive: true }))

const FILE = `version: 0.1
log: {fields: {service: registry, note: "a: b #c"}}
storage:
  filesystem:
    rootdirectory: /srv/registry
http:
  secret: hunter2
  headers: {X-A: [one, "two: 2"]}
  prefix: /a/
health:
  http:
    - uri: http://user:hunter2@example.com/
      headers: {Authorization: [Bearer hunter2]}
redis: {password: hunter2}
validation: {manifests: {urls: {allow: ['^https://a\\.example/']}}}
access:
  tokenlifetime: 5m
  rules:
    - {who: [group:team, 'user:a b'], repositories: ['team/**', '*'], can: [pull, list]}
    - {who: [anonymous], repositories: ['**'], can: []}
`

function render(text: string, environment: Environment = {}): string {
  writeFileSync(path, text)
  return renderSettings(loadConfig({ path, environment }).settings)
}

/** The line of a key, without the blanks before the origin. */
function lineOf(rendered: string, key: string): string | undefined {
  const line = rendered.split('\n').find((candidate) => candidate.trim().startsWith(`${key}:`))
  return line?.trim().replace(/ +#/, ' #')
}

test('each value comes with its origin: the line of the file, the variable, or the default', () => {
  const rendered = render(FILE, { REGISTRY_HTTP_PREFIX: '/b/', REGISTRY_CATALOG: '{maxentries: 5}' })

  expect(lineOf(rendered, 'rootdirectory')).toBe(`rootdirectory: /srv/registry # ${path}:5`)
  expect(lineOf(rendered, 'prefix')).toBe('prefix: /b/ # REGISTRY_HTTP_PREFIX')
  expect(lineOf(rendered, 'maxentries')).toBe('maxentries: 5 # REGISTRY_CATALOG')
  expect(lineOf(rendered, 'draintimeout')).toBe('draintimeout: 8s # default')
  expect(lineOf(renderSettings(loadConfig({ path: undefined, environment: {} }).settings), 'addr')).toBe(
    'addr: 127.0.0.1:5000 # default without a file',
  )
})

test('secrets are stars', () => {
  const rendered = render(FILE)

  expect(rendered).not.toContain('hunter2')
  expect(lineOf(rendered, 'secret')).toBe(`secret: "****" # ${path}:7`)
})

test('what it prints is a configuration that means the same', () => {
  const text = FILE.replace(/secret: hunter2|headers: .Authorization.*$|user:hunter2@/gm, '')
  const rendered = render(text)
  const { config } = loadConfig({ path, environment: {} })

  writeFileSync(path, rendered)
  const again = loadConfig({ path, environment: {} }).config

  expect(again).toEqual(config)
})

test('a list that has a default is shown with it, and as an empty list where the file says so', () => {
  expect(lineOf(render(FILE), 'official')).toBe("official: ['library/*'] # default")
  expect(lineOf(render(FILE, { REGISTRY_SEARCH_OFFICIAL: '[]' }), 'official')).toBe('official: [] # REGISTRY_SEARCH_OFFICIAL')
  expect(loadConfig({ path, environment: {} }).config.search.official.map(String)).toEqual(['library/*'])
  expect(loadConfig({ path, environment: { REGISTRY_SEARCH_OFFICIAL: '[]' } }).config.search.official).toEqual([])
})
