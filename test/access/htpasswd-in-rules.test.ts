import { expect, setDefaultTimeout, test } from 'bun:test'
import { AccessRegistry } from '../support/access-registry.ts'
import { poll } from '../support/processes.ts'

/** Section `access` beside `auth.htpasswd`. */

setDefaultTimeout(120_000)

test('htpasswd users are named in rules, are in groups, and lose everything with their line', async () => {
  const hash = await Bun.password.hash('carol-secret', { algorithm: 'bcrypt', cost: 5 })
  await using own = await AccessRegistry.start({
    access: `  rules:\n    - {who: ['user:carol'], repositories: [carols], can: [pull, push]}\n    - {who: ['group:team'], repositories: [teams], can: [push]}\n`,
    files: { htpasswd: `carol:${hash}\n` },
    more: 'auth: {htpasswd: {realm: test, path: FOLDER/htpasswd}}\n',
  })
  await own.berth(['group', 'add', 'team', 'carol'])
  const carol = own.basic('carol', 'carol-secret')
  const token = await own.token(['repository:carols:pull,push', 'repository:teams:push'], 'carol', 'carol-secret')
  const withToken = own.client({ authorization: `Bearer ${token}` })

  for (const client of [carol, withToken]) {
    expect((await client.request('POST', '/v2/carols/blobs/uploads/')).status).toBe(202)
    expect((await client.request('POST', '/v2/teams/blobs/uploads/')).status).toBe(202)
    expect((await client.request('POST', '/v2/others/blobs/uploads/')).status).not.toBe(202)
  }
  await own.folder.file('htpasswd', `dave:${hash}\n`)

  // The file is looked at ten times a second.
  await poll('carol is out', 90_000, async () =>
    (await carol.request('POST', '/v2/carols/blobs/uploads/')).status === 401 ? true : undefined,
  )
  expect((await withToken.request('POST', '/v2/carols/blobs/uploads/')).status).toBe(401)
})

test('no token holds the hash of a password, which docker login would write into a file', async () => {
  const hash = await Bun.password.hash('carol-secret', { algorithm: 'bcrypt', cost: 5 })
  await using own = await AccessRegistry.start({
    access: `  rules:\n    - {who: [authenticated], repositories: ['**'], can: [pull]}\n`,
    files: { htpasswd: `carol:${hash}\n` },
    more: 'auth: {htpasswd: {realm: test, path: FOLDER/htpasswd}}\n',
  })
  const response = await own.basic('carol', 'carol-secret').request('GET', '/v2/token?offline_token=true')

  const { token, refresh_token = '' } = (await response.json()) as { readonly token: string; readonly refresh_token?: string }
  for (const given of [token, refresh_token]) {
    const payload = Buffer.from(given.split('.')[1] ?? '', 'base64url').toString()
    expect(payload).toContain('user:carol')
    expect(payload).not.toContain(hash.slice(-31))
  }
})

test('an account of Berth is the one that counts where htpasswd has the name too', async () => {
  const hash = await Bun.password.hash('file-secret', { algorithm: 'bcrypt', cost: 5 })
  await using own = await AccessRegistry.start({
    access: `  rules:\n    - {who: [authenticated], repositories: ['**'], can: [pull, push]}\n`,
    files: { htpasswd: `erin:${hash}\n` },
    more: 'auth: {htpasswd: {realm: test, path: FOLDER/htpasswd}}\n',
  })
  expect((await own.basic('erin', 'file-secret').request('GET', '/v2/')).status).toBe(200)

  await own.addUser('erin', 'own-secret')

  expect((await own.basic('erin', 'file-secret').request('GET', '/v2/')).status).toBe(401)
  expect((await own.basic('erin', 'own-secret').request('GET', '/v2/')).status).toBe(200)
})
