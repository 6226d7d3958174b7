import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findServedConfigPath, findServedSettings, isContainerOfAgent } from './served-config.ts'

/** What is found when the first process runs with these words. */
function findIn(...words: readonly string[]): string | undefined {
  return look(words, findServedConfigPath)
}

function look<Found>(words: readonly string[], find: (path: string) => Found): Found {
  const folder = mkdtempSync(join(tmpdir(), 'berth-cmdline-'))
  const path = join(folder, 'cmdline')
  writeFileSync(path, words.map((word) => `${word}\0`).join(''))
  try {
    return find(path)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('the configuration of a container is the one that its first process serves', () => {
  expect(findIn('registry', 'serve', '/etc/docker/registry/config.yml')).toBe('/etc/docker/registry/config.yml')
  expect(findIn('/bin/berth', 'serve', '/srv/registry.conf')).toBe('/srv/registry.conf')
})

test('with an init process in between it is still in the command line', () => {
  expect(findIn('/sbin/docker-init', '--', '/entrypoint.sh', '/etc/distribution/config.yaml')).toBe(
    '/etc/distribution/config.yaml',
  )
})

test('a first process that serves without a file, or is something else, names none', () => {
  expect(findIn('berth', 'serve')).toBeUndefined()
  expect(findIn('/sbin/init')).toBeUndefined()
  expect(findServedConfigPath('/does/not/exist')).toBeUndefined()
})

test('options of the first process are no files, and say how it serves', () => {
  expect(findIn('berth', 'serve', '--strict', '/srv/config.yml')).toBe('/srv/config.yml')
  expect(findIn('berth', 'serve', '--tls', 'self-signed', '/etc/berth/config.yml')).toBe('/etc/berth/config.yml')
  expect(findIn('berth', 'serve', '--tls=self-signed', '')).toBeUndefined()
  for (const options of [['--tls', 'self-signed'], ['--tls=self-signed']]) {
    expect(look(['berth', 'serve', ...options], findServedSettings)).toEqual({ REGISTRY_HTTP_TLS_SELFSIGNED_ENABLED: 'true' })
  }
  expect(look(['berth', 'serve', '/etc/berth/config.yml'], findServedSettings)).toEqual({})
})

test('a container of an agent is told from one that serves', () => {
  expect(look(['/bin/berth', 'agent', 'registry.example.com'], isContainerOfAgent)).toBe(true)
  expect(look(['/sbin/docker-init', '--', '/entrypoint.sh', 'agent'], isContainerOfAgent)).toBe(true)
  expect(look(['registry', 'agent', 'registry.example.com'], isContainerOfAgent)).toBe(true)
  expect(look(['/bin/berth', 'serve', '/etc/docker/registry/config.yml'], isContainerOfAgent)).toBe(false)
  expect(look(['/bin/berth', 'serve', 'agent'], isContainerOfAgent)).toBe(false)
  expect(look(['/usr/bin/ssh', 'agent'], isContainerOfAgent)).toBe(false)
})
