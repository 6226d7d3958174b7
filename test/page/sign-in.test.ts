import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { exportJWK, generateKeyPair } from 'jose'
import { pushImage } from '../collect/rows/row.ts'
import { basic } from '../support/access-registry.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { makeImage } from '../support/images.ts'
import { signIn } from '../support/page-session.ts'
import { AuthorizedClient, RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const PAGE = { accept: 'text/html' }

describe('with auth.htpasswd', () => {
  const resources = new AsyncDisposableStack()
  let folder: TemporaryFolder
  let path: string
  let berth: AppInTest
  let client: RegistryClient

  beforeAll(async () => {
    folder = resources.use(new TemporaryFolder())
    path = folder.join('htpasswd')
    await writeUser('secret')
    berth = resources.use(await AppInTest.start(folder, { auth: { htpasswd: { realm: 'Registry', path } } }))
    client = new RegistryClient(berth.url)
    await pushImage(
      new AuthorizedClient(berth.url, { authorization: basic('alice', 'secret') }),
      makeImage('a'),
      'v1',
      'team/app',
    )
  })
  afterAll(async () => await resources.disposeAsync())

  async function writeUser(password: string): Promise<void> {
    const hash = await Bun.password.hash(password, { algorithm: 'bcrypt', cost: 5 })
    await writeFile(path, `alice:${hash.replace(/^\$2b/, '$2y')}\n`)
  }
  const statusOf = async (headers: Readonly<Record<string, string>>) =>
    (await client.request('GET', '/ui/team/app', { headers })).status

  test('the users of the file sign in, and see everything; nobody else sees anything', async () => {
    const { status, headers } = await signIn(client, { name: 'alice', password: 'secret' })

    expect([status, await statusOf(headers), await statusOf(PAGE)]).toEqual([303, 200, 401])
    expect((await signIn(client, { name: 'alice', password: 'wrong' })).status).toBe(401)
  })

  test('a new line of the user ends the session', async () => {
    const { headers } = await signIn(client, { name: 'alice', password: 'secret' })

    await writeUser('other')

    const end = Date.now() + 90_000
    let status = await statusOf(headers)
    while (status !== 401 && Date.now() < end) status = await statusOf(headers)
    expect(status).toBe(401)
    expect((await signIn(client, { name: 'alice', password: 'other' })).status).toBe(303)
  })

  test('an address that sends too many wrong passwords has to wait, as everywhere', async () => {
    const statuses: number[] = []
    for (let attempt = 0; attempt < 30; attempt += 1)
      statuses.push((await signIn(client, { name: 'mallory', password: 'x' })).status)

    expect(statuses).toContain(429)
    expect(statuses.filter((status) => status !== 401 && status !== 429)).toEqual([])
  })
})

describe('with a token server', () => {
  test('the page says that it cannot sign anybody in, and who gives the tokens', async () => {
    using folder = new TemporaryFolder()
    const token = { realm: 'https://auth.example.com/token', service: 'a', issuer: 'b', jwks: folder.join('jwks.json') }
    const { publicKey } = await generateKeyPair('ES256')
    await writeFile(token.jwks, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'a' }] }))
    await using berth = await AppInTest.start(folder, { auth: { token } })
    const client = new RegistryClient(berth.url)

    for (const path of ['/', '/ui/team/app', '/ui/-/sign-in']) {
      const answer = await client.request('GET', path, { headers: PAGE })
      const text = await answer.text()
      expect([path, answer.status]).toEqual([path, path.endsWith('sign-in') ? 200 : 401])
      expect(text).toContain('<code>https://auth.example.com/token</code>')
      expect(text).not.toContain('type="password"')
    }
    expect((await signIn(client, { name: 'a', password: 'b' })).status).toBe(403)
  })
})

describe('without any access control', () => {
  test('nobody is asked to sign in, and answers may be kept', async () => {
    using folder = new TemporaryFolder()
    await using berth = await AppInTest.start(folder, {})
    const client = new RegistryClient(berth.url)

    const answer = await client.request('GET', '/', { headers: PAGE })

    expect(answer.headers.get('cache-control')).toBe('no-cache')
    expect(await answer.text()).not.toContain('sign-in')
    expect((await signIn(client, { name: 'a', password: 'b' })).status).toBe(403)
  })
})
