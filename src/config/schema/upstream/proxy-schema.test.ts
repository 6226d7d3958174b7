import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { examineConfig } from '../../load-config.ts'

/** What is said about a file with this section and others, and the problems that keep Berth from starting. */
function examined(
  proxy: string,
  storage = 'inmemory',
  more = '',
): { readonly notices: readonly string[]; readonly problems: string } {
  const folder = mkdtempSync(join(tmpdir(), 'berth-proxy-'))
  try {
    const path = join(folder, 'config.yml')
    writeFileSync(path, `version: 0.1\nstorage: ${storage}\nproxy: ${proxy}\n${more}`)
    const { notices, outcome } = examineConfig({ path, environment: {} })
    return { notices, problems: outcome instanceof Error ? outcome.message : '' }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test.each([
  'registry-1.docker.io',
  'https://hub.example.com/v2',
  'https://hub.example.com?a=b',
  'https://user@hub.example.com',
  'ftp://hub.example.com',
  'https://',
])('%s is not the root of a registry', (url) => {
  expect(examined(`{remoteurl: "${url}"}`).problems).toContain(
    'is not the root of a registry; write it as https://registry-1.docker.io',
  )
})

test('a cache of another registry may be in a bucket', () => {
  expect(examined('{remoteurl: "https://hub.example.com"}', '{s3: {bucket: a, region: eu-central-1}}').problems).toBe('')
})

test('a password is warned of where every caller can use it, and nowhere else', () => {
  const told = (proxy: string, more?: string) =>
    examined(proxy, undefined, more).notices.filter((notice) => /every caller/.test(notice))
  const secret = '{remoteurl: "https://hub.example.com", username: robot, password: secret}'

  expect(told(secret)).toHaveLength(1)
  expect(told(secret, 'auth: {htpasswd: {realm: r, path: /h}}\n')).toEqual([])
  expect(told(secret, 'access: {rules: []}\n')).toEqual([])
  expect(told('{remoteurl: "https://hub.example.com", exec: {command: x}}')).toEqual([
    expect.stringContaining('proxy.exec.command: every caller'),
  ])
  expect(told('{remoteurl: "https://hub.example.com"}')).toEqual([])
  expect(told('{username: robot, password: secret}')).toEqual([])
  expect(examined(secret.replace('}', ', exec: {command: x}}')).notices.join()).toContain('proxy.username is passed over')
  expect(examined(secret).notices.join()).not.toContain('secret')
})
