import { afterAll, afterEach, beforeAll, beforeEach, expect, setSystemTime, test } from 'bun:test'
import { header } from '../support/answers.ts'
import { AppInTest, basic } from '../support/app-in-test.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const resources = new AsyncDisposableStack()
let folder: TemporaryFolder
beforeAll(() => {
  folder = resources.use(new TemporaryFolder())
})
// However long the guesses take, no further one is let through meanwhile.
beforeEach(() => void setSystemTime(new Date()))
afterEach(() => void setSystemTime())
afterAll(async () => await resources.disposeAsync())

async function start(http: object): Promise<AppInTest> {
  const hash = await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 4 })
  const path = await folder.file('htpasswd', `alice:${hash}\n`)
  return await AppInTest.start(folder, { http, auth: { htpasswd: { realm: 'a', path } } })
}

async function guess(berth: AppInTest, headers: Record<string, string>): Promise<number> {
  return (await berth.request('GET', '/v2/', { headers: { ...basic('alice', crypto.randomUUID()), ...headers } })).status
}

test('behind a proxy each client is slowed alone, and its address is in the log beside that of the proxy', async () => {
  await using berth = await start({})
  for (let index = 0; index < 21; index++) await guess(berth, { 'x-forwarded-for': '192.0.2.7' })

  expect(await guess(berth, { 'x-forwarded-for': '192.0.2.7' })).toBe(429)
  expect(await guess(berth, { 'x-forwarded-for': '192.0.2.8' })).toBe(401)
  const failure = berth.log.lines.find(({ message }) => message === 'authentication failed')
  expect(failure?.fields).toMatchObject({ client: '192.0.2.7', proxy: '127.0.0.1', claimed: 'alice', reason: 'wrong password' })
})

test('a client of the private network that makes up an address for each guess is slowed', async () => {
  await using berth = await start({})
  const statuses: number[] = []
  for (let index = 0; index < 120; index++)
    statuses.push(await guess(berth, { 'x-forwarded-for': `192.0.2.${index}, 10.9.8.${index}` }))

  expect(statuses.filter((status) => status === 401)).toHaveLength(60)
  expect(statuses.at(-1)).toBe(429)
})

test('behind a proxy that is not named, what stands before its own peer in the list is not believed', async () => {
  await using berth = await start({})
  for (let index = 0; index < 21; index++) await guess(berth, { 'x-forwarded-for': `192.0.2.${index}, 10.0.0.9` })

  expect(await guess(berth, { 'x-forwarded-for': '203.0.113.1, 10.0.0.9' })).toBe(429)
  const failure = berth.log.lines.find(({ message }) => message === 'authentication failed')
  expect(failure?.fields).toMatchObject({ client: '10.0.0.9', proxy: '127.0.0.1' })
})

test('behind a named proxy the chain is followed through all that are named', async () => {
  await using berth = await start({ trustedproxies: ['127.0.0.1', '10.0.0.9'] })

  await guess(berth, { 'x-forwarded-for': '203.0.113.1, 192.0.2.7, 10.0.0.9' })

  const failure = berth.log.lines.find(({ message }) => message === 'authentication failed')
  expect(failure?.fields).toMatchObject({ client: '192.0.2.7', proxy: '127.0.0.1' })
})

test('whoever is no trusted proxy changes nothing by such headers', async () => {
  await using berth = await start({ trustedproxies: ['none'] })
  for (let index = 0; index < 21; index++) {
    await guess(berth, { 'x-forwarded-for': `192.0.2.${index}`, forwarded: `for=192.0.2.${index}` })
  }

  expect(await guess(berth, { 'x-forwarded-for': '203.0.113.1' })).toBe(429)
  const failures = berth.log.lines.filter(({ message }) => message === 'authentication failed')
  expect(new Set(failures.map(({ fields }) => fields.client))).toEqual(new Set(['127.0.0.1']))
})

test('http.host says where clients believe to be, and no header changes that', async () => {
  const realm = 'https://auth.example.com/token'
  const token = { realm, service: 's', issuer: 'i', rootcertbundle: '/etc/ssl/certs/ca-certificates.crt', autoredirect: true }
  const headers = { 'x-forwarded-host': 'evil.example.com', 'x-forwarded-proto': 'http' }
  await using named = await AppInTest.start(folder, { http: { host: 'https://registry.example.com' }, auth: { token } })
  await using unnamed = await AppInTest.start(folder, { auth: { token } })

  const fromHost = await named.request('GET', '/v2/', { headers })
  const fromProxy = await unnamed.request('GET', '/v2/', { headers: { ...headers, 'x-forwarded-host': 'r.example.com:8443' } })

  expect(header(fromHost, 'www-authenticate')).toStartWith('Bearer realm="https://registry.example.com/auth/token"')
  expect(header(fromProxy, 'www-authenticate')).toStartWith('Bearer realm="http://r.example.com:8443/auth/token"')
})
