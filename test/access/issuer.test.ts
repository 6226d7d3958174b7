import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { AccessRegistry, basic } from '../support/access-registry.ts'
import { expectStatus } from '../support/registry-client.ts'

setDefaultTimeout(120_000)

const ACCESS = `  service: registry.test
  rules:
    - {who: ['user:alice'], repositories: ['team/**'], can: [pull, push, list]}
    - {who: ['user:bob'], repositories: ['base'], can: [pull]}
    - {who: [anonymous], repositories: ['public/*'], can: [pull]}
`

interface Answer {
  readonly token: string
  readonly access_token: string
  readonly expires_in: number
  readonly issued_at: string
  readonly scope: string
  readonly refresh_token?: string
}

let registry: AccessRegistry

beforeAll(async () => {
  registry = await AccessRegistry.start({ access: ACCESS })
  await registry.addUser('alice', 'alice-secret')
})
afterAll(async () => await registry[Symbol.asyncDispose]())

describe('GET /v2/token', () => {
  test('/v2/ says where tokens are to be had, also to those who could do something without', async () => {
    const response = await registry.client().request('GET', '/v2/')

    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe(`Bearer realm="${registry.url}/v2/token",service="registry.test"`)
    expect(response.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
  })

  test('is where a trusted proxy says that the client is, or where the configuration says', async () => {
    const behindProxy = await registry.client().request('GET', '/v2/', {
      headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'registry.example.com:8443' },
    })
    await using own = await AccessRegistry.start({ access: `  realm: https://tokens.example.com/token\n${ACCESS}` })
    const configured = await own.client().request('GET', '/v2/')

    expect(behindProxy.headers.get('www-authenticate')).toStartWith('Bearer realm="https://registry.example.com:8443/v2/token",')
    expect(configured.headers.get('www-authenticate')).toStartWith('Bearer realm="https://tokens.example.com/token",')
  })

  test('gives a token for what is allowed of several scopes', async () => {
    const { status, answer } = await get('alice', [
      'service=registry.test',
      'scope=repository:team/app:pull,push,delete',
      'scope=repository:base:pull',
      'scope=repository:team/web:pull repository:public/app:pull',
    ])

    expect(status).toBe(200)
    expect(answer.access_token).toBe(answer.token)
    expect(answer.expires_in).toBe(900)
    expect(Math.abs(Date.parse(answer.issued_at) - Date.now())).toBeLessThan(30_000)
    expect(answer.scope).toBe('repository:team/app:pull,push,list repository:team/web:pull,list')
    expect(answer.refresh_token).toBeUndefined()
  })

  test('grants all of three hundred scopes, and what it grants is good for the last one', async () => {
    const scopes = Array.from({ length: 300 }, (_, index) => `repository:team/app-${index}:pull,push`)

    const apart = await get(
      'alice',
      scopes.map((scope) => `scope=${scope}`),
    )
    const together = await post({ grant_type: 'password', username: 'alice', password: 'alice-secret', scope: scopes.join(' ') })

    for (const { status, answer } of [apart, together]) {
      expect(status).toBe(200)
      expect(answer.scope.split(' ')).toEqual(scopes.map((scope) => `${scope},list`))
      await expectStatus(await bearer(answer.token).request('POST', '/v2/team/app-299/blobs/uploads/'), 202)
    }
  })

  test.each([
    [
      'more scopes than it reads',
      Array.from({ length: 900 }, (_, index) => `repository:other/${index}:pull`),
      'too long together',
    ],
    ['a longer token than fits into a header', Array.from({ length: 700 }, (_, index) => `repository:team/${index}:*`), 'header'],
  ])('refuses to grant a part of %s', async (_, scopes, words) => {
    const client = registry.basic('alice', 'alice-secret')
    const form = { grant_type: 'password', username: 'alice', password: 'alice-secret', scope: scopes.join(' ') }

    for (const response of [
      await client.request('GET', `/v2/token?${scopes.map((scope) => `scope=${scope}`).join('&')}`),
      await registry.client().request('POST', '/v2/token', { body: new URLSearchParams(form) }),
    ]) {
      expect(response.status).toBe(400)
      expect(await response.text()).toContain(words)
    }
  })

  test('gives nobody a token as well, for what nobody may do', async () => {
    const { status, answer } = await get(undefined, ['scope=repository:public/app:pull,push', 'offline_token=true'])

    expect(status).toBe(200)
    expect(answer.scope).toBe('repository:public/app:pull')
    expect(answer.refresh_token).toBeUndefined()
  })

  test('is no place for a wrong password: docker login must hear of it', async () => {
    const response = await registry.basic('alice', 'wrong').request('GET', '/v2/token?service=registry.test')

    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toStartWith('Basic ')
    expect(((await response.json()) as { errors: { code: string }[] }).errors[0]?.code).toBe('UNAUTHORIZED')
  })

  test.each([
    ['GET', '/v2/token?service=another', undefined, 400],
    ['POST', '/v2/token', 'grant_type=password&service=another&username=alice&password=alice-secret', 400],
    ['POST', '/v2/token', 'service=registry.test', 400],
    ['POST', '/v2/token', 'grant_type=authorization_code&code=x', 400],
    ['POST', '/v2/token', `grant_type=password&username=${'x'.repeat(70_000)}`, 400],
    ['POST', '/v2/token', 'grant_type=refresh_token&refresh_token=nonsense', 401],
    ['POST', '/v2/token', 'grant_type=refresh_token', 401],
    ['POST', '/v2/token', 'grant_type=password&username=alice&password=wrong', 401],
    ['POST', '/v2/token', 'grant_type=password&username=&password=', 401],
    ['PUT', '/v2/token', undefined, 405],
    ['DELETE', '/v2/token', undefined, 405],
  ])('%s %s with %j is refused: %p', async (method, path, body, status) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
    const response = await registry.client().request(method, path, { headers, ...(body === undefined ? {} : { body }) })

    expect(response.status).toBe(status)
    expect(Object.keys((await response.json()) as object)).toEqual(['errors'])
  })
})

describe('POST /v2/token, as OAuth 2', () => {
  test('a password brings a token and, where asked for, one to come back with', async () => {
    const first = await post({ grant_type: 'password', username: 'alice', password: 'alice-secret', access_type: 'offline' })
    const again = await post({
      grant_type: 'refresh_token',
      refresh_token: first.answer.refresh_token ?? '',
      scope: 'repository:team/app:push repository:base:pull',
    })

    expect(first.status).toBe(200)
    expect(first.answer.scope).toBe('')
    expect(again.status).toBe(200)
    expect(again.answer.scope).toBe('repository:team/app:push')
    expect(again.answer.refresh_token).toBeUndefined()
    await expectStatus(await bearer(again.answer.token).request('POST', '/v2/team/app/blobs/uploads/'), 202)
  })

  test('tokens are good for as long as the configuration says', async () => {
    await using own = await AccessRegistry.start({ access: `  tokenlifetime: 2m\n  refreshlifetime: 1h\n${ACCESS}` })
    await own.addUser('alice', 'alice-secret')

    const headers = { authorization: basic('alice', 'alice-secret') }
    const response = await own.client(headers).request('GET', '/v2/token?service=registry.test&offline_token=true')
    const { token, expires_in, refresh_token = '' } = (await response.json()) as Answer

    expect(expires_in).toBe(120)
    expect([token, refresh_token].map(lifetimeOf)).toEqual([120, 3600])
  })

  test('whoever comes back with a refresh token keeps it', async () => {
    const { answer } = await get('alice', ['offline_token=true'])
    const refresh_token = answer.refresh_token ?? ''

    const again = await post({ grant_type: 'refresh_token', refresh_token, access_type: 'offline' })

    expect(again.answer.refresh_token).toBe(refresh_token)
  })

  test('an access token is good for no token, and a refresh token for no request', async () => {
    const { answer } = await get('alice', ['offline_token=true', 'scope=repository:team/app:pull'])

    expect((await post({ grant_type: 'refresh_token', refresh_token: answer.token })).status).toBe(401)
    expect((await bearer(answer.refresh_token ?? '').request('GET', '/v2/')).status).toBe(401)
  })
})

describe('a token', () => {
  test('is good for its own repositories and actions; for others the client is told what to ask for', async () => {
    const { answer } = await get('alice', ['scope=repository:team/app:pull'])
    const client = bearer(answer.token)

    const other = await client.request('GET', '/v2/team/web/tags/list')
    const more = await client.request('POST', '/v2/team/app/blobs/uploads/?mount=sha256:0&from=base')

    expect((await client.request('GET', '/v2/team/app/tags/list')).status).toBe(404)
    expect([other.status, more.status]).toEqual([401, 401])
    expect(other.headers.get('www-authenticate')).toEndWith(',scope="repository:team/web:pull",error="insufficient_scope"')
    expect(more.headers.get('www-authenticate')).toEndWith(
      ',scope="repository:team/app:pull,push repository:base:pull",error="insufficient_scope"',
    )
  })

  test('for what the rules do not allow either, the answer is final', async () => {
    const { answer } = await get('alice', ['scope=repository:team/app:pull,push,delete', 'scope=repository:base:pull'])
    const client = bearer(answer.token)

    const hidden = await client.request('GET', '/v2/base/manifests/latest')
    const denied = await client.request('POST', '/v2/base/blobs/uploads/')

    expect([hidden.status, hidden.headers.get('www-authenticate')]).toEqual([404, null])
    expect([denied.status, denied.headers.get('www-authenticate')]).toEqual([403, null])
  })

  test('without the catalog in it shows no catalog', async () => {
    const [without, withIt] = [await get('alice', []), await get('alice', ['scope=registry:catalog:*'])]

    const refused = await bearer(without.answer.token).request('GET', '/v2/_catalog')

    expect(refused.headers.get('www-authenticate')).toEndWith(',scope="registry:catalog:*",error="insufficient_scope"')
    expect((await bearer(withIt.answer.token).request('GET', '/v2/_catalog')).status).toBe(200)
  })
})

test('an upload is cancelled by who may push, without the right to delete', async () => {
  const client = registry.basic('alice', 'alice-secret')
  const location = await client.startUpload('team/app')

  expect((await client.request('DELETE', location)).status).toBe(204)
  expect((await client.request('GET', location)).status).toBe(404)
})

test('whoever guesses at robots is slowed like whoever guesses passwords, and a right token does not wait', async () => {
  await using own = await AccessRegistry.start({
    access: `  rules:\n    - {who: [authenticated], repositories: ['**'], can: [pull]}\n`,
  })
  const token = await own.addRobot('ci')
  const statusOf = async (name: string, password: string) => (await own.basic(name, password).request('GET', '/v2/')).status

  const guesses = new Set<number>()
  for (let guess = 0; guess < 40; guess += 1) guesses.add(await statusOf(guess % 2 ? 'ci' : 'none', `berth_robot_${guess}`))
  const refused = await own.basic('ci', 'berth_robot_more').request('GET', '/v2/')

  expect([...guesses]).toEqual([401, 429])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(await statusOf('ci', token)).toBe(200)
  // One more is let through every two seconds: where all this took longer, the first of these may be it.
  const others = [await statusOf('alice', 'a password'), await statusOf('alice', 'another'), await statusOf('alice', 'a third')]
  expect(others).toContain(429)
})

test('a rule for somebody who is not there is told at the start', async () => {
  const access = `  rules:\n    - {who: ['user:nobody', 'group:none', 'robot:r2'], repositories: ['**'], can: [pull]}\n`
  await using own = await AccessRegistry.start({ access })

  for (const who of ['user=nobody', 'group=none', 'robot=r2']) {
    expect(own.program.output).toContain(`msg="a rule of section access names somebody who is not there" ${who}`)
  }
  expect(own.program.output).toContain('msg="nobody can log in yet; berth user add adds a user"')
})

test('accounts that cannot be read are a failure for now, and nobody is told that a password is wrong', async () => {
  await using own = await AccessRegistry.start({
    access: `  rules:\n    - {who: [authenticated], repositories: ['**'], can: [pull]}\n`,
  })
  await own.addUser('alice', 'alice-secret')
  await own.addUser('bob', 'bob-secret')
  await own.folder.file('data/berth/v1/access/users/bob', '{"name":')

  const response = await own.basic('bob', 'bob-secret').request('GET', '/v2/')

  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).not.toBeNull()
  expect(await own.program.waitForOutput(/The record berth\/v1\/access\/users\/bob cannot be read/, 90_000)).toBeTruthy()
  expect((await own.basic('alice', 'alice-secret').request('GET', '/v2/')).status).toBe(200)
})

async function get(name: 'alice' | undefined, parameters: readonly string[]) {
  const headers = name === undefined ? {} : { authorization: basic(name, `${name}-secret`) }
  const response = await registry.client(headers).request('GET', `/v2/token?${parameters.join('&')}`)
  return { status: response.status, answer: (await response.json()) as Answer }
}

async function post(form: Readonly<Record<string, string>>) {
  const body = new URLSearchParams({ service: 'registry.test', client_id: 'test', ...form })
  const response = await registry.client().request('POST', '/v2/token', { body })
  return { status: response.status, answer: (await response.json()) as Answer }
}

function bearer(token: string) {
  return registry.client({ authorization: `Bearer ${token}` })
}

/** In seconds, by what the token says of itself. */
function lifetimeOf(token: string): number {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp: number; iat: number }
  return claims.exp - claims.iat
}
