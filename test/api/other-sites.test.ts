import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { ApiLab } from '../support/api-lab.ts'
import { AppInTest, basic } from '../support/app-in-test.ts'
import { makeImage } from '../support/images.ts'
import { signIn } from '../support/page-session.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { SERVERS } from '../support/wire.ts'

setDefaultTimeout(120_000)

const PATH = '/api/v1/repositories/team/app/description?text=changed'
const FOREIGN = [
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { 'sec-fetch-site': 'none' },
  { origin: 'https://evil.example' },
  { origin: 'null' },
] as const

describe.each(SERVERS)('at %s', (_, server) => {
  let lab: ApiLab
  let cookie: string

  beforeAll(async () => {
    lab = await ApiLab.start(server)
    await lab.push(makeImage('image'), 'v1', 'team/app')
    cookie = (await signIn(lab.client, { name: 'writer', password: 'writer-secret' })).headers.cookie ?? ''
  })
  afterAll(() => lab[Symbol.asyncDispose]())

  const statusOf = async (method: string, path: string, headers: Readonly<Record<string, string>>) =>
    (await lab.berth.request(method, path, { headers })).status

  test("the page's session reads and changes from the page, with the rights of its user and no other", async () => {
    const { origin } = new URL(lab.berth.url)

    expect(await statusOf('GET', '/api/v1/repositories/team/app', { cookie })).toBe(200)
    expect(await statusOf('GET', '/api/v1/users', { cookie })).toBe(403)
    expect(await statusOf('PUT', PATH, { cookie, origin })).toBe(200)
    expect(await statusOf('PUT', PATH, { cookie, 'sec-fetch-site': 'same-origin' })).toBe(200)
    expect(await statusOf('GET', '/v2/team/app/tags/list', { cookie })).toBe(401)
    expect(await statusOf('GET', '/api/v1/repositories/team/app', { cookie: `${cookie}x` })).toBe(401)
  })

  test.each([...FOREIGN, {}])('a cookie alone changes nothing with %j', async (headers) => {
    expect(await statusOf('PUT', PATH, { cookie, ...headers })).toBe(403)
    expect(await statusOf('POST', '/api/v1/repositories/team/app/undelete?tag=none', { cookie, ...headers })).toBe(403)
  })

  test.each(FOREIGN)('nor does a password that a browser remembers, with %j', async (headers) => {
    const password = basic('writer', 'writer-secret')

    expect(await statusOf('PUT', PATH, { ...password, ...headers })).toBe(403)
    expect(await statusOf('PUT', PATH, password)).toBe(200)
  })

  test('a token, which no browser brings by itself, changes from anywhere', async () => {
    const answer = await lab.ask('writer', 'GET', '/v2/token?service=berth&scope=repository:team/app:pull,push')
    const { token } = (await answer.json()) as { token: string }

    expect(await statusOf('PUT', PATH, { authorization: `Bearer ${token}`, origin: 'https://tool.example' })).toBe(200)
  })
})

test('where nothing is asked of callers, a page of another site changes nothing by the browser of a caller', async () => {
  using folder = new TemporaryFolder()
  await using berth = await AppInTest.start(folder, {})
  const undelete = '/api/v1/repositories/team/app/undelete?tag=none'

  for (const headers of FOREIGN) expect((await berth.request('POST', undelete, { headers })).status).toBe(403)
  expect((await berth.request('POST', undelete)).status).toBe(404)
})
