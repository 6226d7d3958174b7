import { expect, test } from 'bun:test'
import { describeChanges } from './changes.ts'

/** The words before the first colon or blank of each sentence. */
function subjects(tree: Parameters<typeof describeChanges>[0]): string[] {
  return describeChanges(tree).map((sentence) => sentence.split(/[: ]/)[0] ?? '')
}

test('what a file leaves to the defaults is told where the defaults differ', () => {
  expect(subjects({ storage: { inmemory: null } })).toEqual(['http.draintimeout', 'http.addr', 'Uploads', 'The'])
  expect(subjects({ storage: { inmemory: null }, http: { addr: ':1', draintimeout: '1s' } })).toEqual(['Uploads', 'The'])
})

test('what a file sets is told where it does more', () => {
  const storage = { filesystem: { rootdirectory: '/srv' }, delete: { enabled: 'true' } }
  const http = { addr: ':1', draintimeout: '1s', debug: { addr: ':2' } }
  const auth = { htpasswd: { realm: 'a', path: '/h' } }

  const done = ['storage.delete.enabled', 'http.debug.addr', 'auth.htpasswd', 'The', 'Uploads', 'The']
  expect(subjects({ storage, http, auth })).toEqual(done)
})

test("who lets Let's Encrypt ask is told that it asks elsewhere", () => {
  const http = { addr: ':1', draintimeout: '1s', tls: { letsencrypt: { cachefile: '/f' } } }

  expect(subjects({ storage: { inmemory: null }, http })).toEqual(['http.tls.letsencrypt', 'Uploads', 'The'])
})

test('events that are sent are told to wait elsewhere than in memory', () => {
  const http = { addr: ':1', draintimeout: '1s' }
  const told = (endpoints: object[]) => subjects({ storage: { inmemory: null }, http, notifications: { endpoints } as never })

  expect(told([{ name: 'a', url: 'http://a' }])).toEqual(['notifications.endpoints', 'Uploads', 'The'])
  expect(told([])).toEqual(['Uploads', 'The'])
})

test('a proxy is told that its content goes by its last pull', () => {
  const http = { addr: ':1', draintimeout: '1s' }
  const told = (remoteurl: string) => subjects({ storage: { inmemory: null }, http, proxy: { remoteurl } })

  expect(told('https://registry-1.docker.io')).toEqual(['proxy.ttl', 'Uploads', 'The'])
  expect(told('')).toEqual(['Uploads', 'The'])
})
