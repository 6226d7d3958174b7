import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { z } from 'zod'
import { ACCOUNT_ANSWERS } from '../../src/http/api/accounts/answers.ts'
import { expectError } from '../support/answers.ts'
import { type ApiCaller, ApiLab } from '../support/api-lab.ts'
import { AppInTest, basic } from '../support/app-in-test.ts'
import { makeImage } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { someServers } from '../support/wire.ts'

setDefaultTimeout(120_000)

const [USERS, GROUPS, ROBOTS] = ['/api/v1/users', '/api/v1/groups', '/api/v1/robots'] as const

describe.each(someServers('accounts'))('accounts at %s:', (_, server) => {
  let lab: ApiLab

  beforeAll(async () => {
    lab = await ApiLab.start(server)
    await lab.push(makeImage('image'), 'v1', 'team/app')
  })
  afterAll(() => lab[Symbol.asyncDispose]())

  interface Asked {
    readonly by?: ApiCaller
    readonly body?: unknown
    readonly status?: number
  }

  async function ask<Schema extends z.ZodType>(
    schema: Schema,
    method: string,
    path: string,
    { by = 'admin', body, status = 200 }: Asked = {},
  ): Promise<z.output<Schema>> {
    const response = await expectStatus(await lab.ask(by, method, path, body), status)
    return schema.parse(await response.json())
  }
  const addUser = (name: string, password = 'secret') =>
    ask(ACCOUNT_ANSWERS.user, 'POST', USERS, { body: { name, password }, status: 201 })
  const makeRobot = (body: object, by: ApiCaller = 'reader') =>
    ask(ACCOUNT_ANSWERS.newRobot, 'POST', ROBOTS, { body, by, status: 201 })
  const refused = async (
    method: string,
    path: string,
    body: unknown,
    [status, code]: readonly [number, string],
    by?: ApiCaller,
  ) => await expectError(await lab.ask(by ?? 'admin', method, path, body), status, code)
  const statusAs = async (name: string, password: string, path = '/v2/') =>
    (await lab.berth.request('GET', path, { headers: basic(name, password) })).status

  test('a user is added, logs in, gets another password, and is removed', async () => {
    const before = new Date(Date.now() - 1000).toISOString()
    await addUser('amy')
    const { users } = await ask(ACCOUNT_ANSWERS.users, 'GET', USERS)

    expect(users).toMatchObject([{ name: 'amy', groups: [], admin: false }])
    expect((users[0]?.created ?? '') > before).toBe(true)
    expect(await statusAs('amy', 'secret')).toBe(200)
    await refused('POST', USERS, { name: 'amy', password: 'other' }, [409, 'DENIED'])
    await ask(ACCOUNT_ANSWERS.user, 'PUT', `${USERS}/amy/password`, { body: { password: 'other' } })
    expect([await statusAs('amy', 'secret'), await statusAs('amy', 'other')]).toEqual([401, 200])
    await ask(ACCOUNT_ANSWERS.user, 'DELETE', `${USERS}/amy`)
    expect(await statusAs('amy', 'other')).toBe(401)
    await refused('DELETE', `${USERS}/amy`, undefined, [404, 'NAME_UNKNOWN'])
    await refused('PUT', `${USERS}/amy/password`, { password: 'x' }, [404, 'NAME_UNKNOWN'])
  })

  test('users and groups are listed page by page', async () => {
    for (const name of ['u1', 'u2', 'u3']) await addUser(name)
    for (const group of ['g1', 'g2']) await ask(ACCOUNT_ANSWERS.member, 'PUT', `${GROUPS}/${group}/members/u2`)

    const first = await ask(ACCOUNT_ANSWERS.users, 'GET', `${USERS}?n=2`)
    const second = await ask(ACCOUNT_ANSWERS.users, 'GET', `${USERS}?n=2&after=${first.next}`)
    const groups = await ask(ACCOUNT_ANSWERS.groups, 'GET', `${GROUPS}?n=1`)

    expect([...first.users, ...second.users].map(({ name, groups: of }) => [name, of])).toEqual([
      ['u1', []],
      ['u2', ['g1', 'g2']],
      ['u3', []],
    ])
    expect([first.next, second.next]).toEqual(['u2', null])
    expect(groups).toEqual({ groups: [{ name: 'g1', members: ['u2'], memberCount: 1 }], next: 'g1' })
  })

  test('members come and go with what the rules give their group; a name that no user has is told', async () => {
    await addUser('carol')
    const path = `${GROUPS}/crew/members`

    expect(await ask(ACCOUNT_ANSWERS.member, 'PUT', `${path}/carol`)).toEqual({ name: 'crew', member: 'carol', known: true })
    expect(await ask(ACCOUNT_ANSWERS.member, 'PUT', `${path}/reader`)).toMatchObject({ known: false })
    expect(await statusAs('carol', 'secret', '/v2/team/app/tags/list')).toBe(404)
    await ask(ACCOUNT_ANSWERS.member, 'DELETE', `${path}/carol`)
    await refused('DELETE', `${path}/carol`, undefined, [404, 'NAME_UNKNOWN'])
    await ask(ACCOUNT_ANSWERS.group, 'DELETE', `${GROUPS}/crew`)
    await refused('DELETE', `${GROUPS}/crew`, undefined, [404, 'NAME_UNKNOWN'])
  })

  test.each([
    [USERS, {}],
    [USERS, { name: 'x', password: '' }],
    [USERS, { name: 'x', password: 'a\nb' }],
    [USERS, { name: 'x', password: 'x'.repeat(73) }],
    [USERS, { name: 'x', password: 'berth_robot_x' }],
    [USERS, { name: '../x', password: 'x' }],
    [USERS, { name: 'x', password: 'x', more: 1 }],
    [ROBOTS, { name: 'admin.x', scopes: [] }],
    [ROBOTS, { name: 'admin.x', scopes: ['team/**:read'] }],
    [ROBOTS, { name: 'admin.x', scopes: Array(51).fill('team/**:pull') }],
    [ROBOTS, { name: 'admin.x', expires: '2001-01-01T00:00:00Z' }],
    [ROBOTS, { name: 'admin.x', expires: 'never' }],
    [ROBOTS, { name: 'other.x' }],
    [ROBOTS, []],
    [ROBOTS, 'text'],
  ] as const)('%s does not take body %#', async (path, body) => {
    const { message } = await refused('POST', path, body, [400, 'PARAMETER_INVALID'])
    expect(message).not.toContain('berth_robot_x')
  })

  test('a body that is no JSON, that is too long or of another type, and a name that is none, are refused', async () => {
    const send = async (body: string, type = 'application/json') =>
      await lab.berth.request('POST', USERS, { body, headers: { ...lab.headers('admin'), 'content-type': type } })

    await expectError(await send('{"name":'), 400, 'PARAMETER_INVALID')
    await expectError(await send(`{"name": "${'x'.repeat(70_000)}"}`), 413, 'PARAMETER_INVALID')
    await expectError(await send('name=x&password=x', 'application/x-www-form-urlencoded'), 415, 'PARAMETER_INVALID')
    await refused('DELETE', `${USERS}/a%20b`, undefined, [400, 'PARAMETER_INVALID'])
    await refused('GET', `${USERS}/a/b`, undefined, [404, 'NAME_UNKNOWN'])
  })

  test("a user's own robot does what its scopes and its owner's rights both allow; others do not see it", async () => {
    const robot = await makeRobot({ name: 'reader.ci', scopes: ['**:pull,push,list'] })
    const statusOf = (path: string) => statusAs('reader.ci', robot.token, path)

    expect(robot).toMatchObject({ name: 'reader.ci', owner: 'reader', scopes: ['**:pull,push,list'], expired: false })
    expect(await statusOf('/v2/team/app/tags/list')).toBe(200)
    const push = await lab.berth.request('POST', '/v2/team/app/blobs/uploads/', { headers: basic('reader.ci', robot.token) })
    expect(push.status).toBe(403)
    const named = async (by: ApiCaller) =>
      (await ask(ACCOUNT_ANSWERS.robots, 'GET', ROBOTS, { by })).robots.map(({ name }) => name)
    expect([await named('reader'), await named('writer'), await named('admin')]).toEqual([['reader.ci'], [], ['ci', 'reader.ci']])
    const list = await (await lab.ask('reader', 'GET', ROBOTS)).text()
    expect(list).not.toContain(robot.token)
    await refused('DELETE', `${ROBOTS}/reader.ci`, undefined, [404, 'NAME_UNKNOWN'], 'writer')
    await refused('DELETE', `${ROBOTS}/ci`, undefined, [404, 'NAME_UNKNOWN'], 'reader')
    await ask(ACCOUNT_ANSWERS.robot, 'DELETE', `${ROBOTS}/reader.ci`, { by: 'reader' })
    expect(await statusOf('/v2/')).toBe(401)
  })

  test('without scopes a robot of a user may do what that user may, and nothing by the name of a rule', async () => {
    const { token, expires } = await makeRobot({ name: 'reader.all', expires: null })

    expect(expires).toBeNull()
    expect(await statusAs('reader.all', token, '/v2/team/app/tags/list')).toBe(200)
    await refused('POST', ROBOTS, { name: 'ci2', own: false }, [403, 'DENIED'], 'reader')
    await refused('POST', ROBOTS, { name: 'writer.ci' }, [400, 'PARAMETER_INVALID'], 'reader')
    await refused('POST', ROBOTS, { name: 'reader.all' }, [409, 'DENIED'], 'reader')
  })

  test('a robot goes with its owner, and a later user of that name does not get it back', async () => {
    await addUser('dora')
    await ask(ACCOUNT_ANSWERS.member, 'PUT', `${GROUPS}/crew/members/dora`)
    const made = await lab.berth.request('POST', ROBOTS, {
      headers: { ...basic('dora', 'secret'), 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'dora.ci' }),
    })
    const { token } = (await (await expectStatus(made, 201)).json()) as { token: string }
    expect(await statusAs('dora.ci', token)).toBe(200)

    await ask(ACCOUNT_ANSWERS.user, 'DELETE', `${USERS}/dora`)
    const gone = await statusAs('dora.ci', token)
    await addUser('dora')

    expect([gone, await statusAs('dora.ci', token)]).toEqual([401, 401])
  })

  test('the rules as they stand, and what a caller may do by which of them', async () => {
    const { rules, admins } = await ask(ACCOUNT_ANSWERS.rules, 'GET', '/api/v1/rules')
    const robot = await makeRobot({ name: 'writer.ci', scopes: ['team/app:pull,delete'] }, 'writer')
    const of = (query: string, by: ApiCaller = 'admin') =>
      ask(ACCOUNT_ANSWERS.permission, 'GET', `/api/v1/permissions?repository=team/app${query}`, { by })

    expect(rules[1]).toEqual({ number: 2, who: ['user:reader'], repositories: ['team/**'], can: ['pull', 'list'] })
    expect(admins).toEqual(['user:admin', 'user:alice'])
    expect(await of('&who=user:writer')).toMatchObject({ exists: true, can: ['pull', 'push', 'list'], rule: 3 })
    expect(await of('&who=anonymous')).toMatchObject({ who: 'anonymous', can: [], rule: null })
    expect(await of('&who=user:nobody')).toMatchObject({ exists: false, can: [], rule: null })
    expect(await of(`&who=robot:${robot.name}`)).toMatchObject({
      can: ['pull'],
      rule: 3,
      scope: 'team/app:pull,delete',
      owner: 'writer',
    })
    expect(await of('&who=robot:ci')).toMatchObject({ can: ['pull', 'push', 'delete', 'list'], rule: null, owner: null })
    expect(await of('', 'reader')).toMatchObject({ who: 'user:reader', can: ['pull', 'list'], rule: 2 })
    expect(await of('', 'robot')).toMatchObject({ who: 'robot:ci', can: ['pull', 'push', 'delete', 'list'] })
    await refused('GET', '/api/v1/permissions?repository=team/app&who=user:writer', undefined, [403, 'DENIED'], 'reader')
    await refused('GET', '/api/v1/permissions?repository=Team/App', undefined, [400, 'PARAMETER_INVALID'])
  })

  test('the caller as the registry knows it', async () => {
    const account = (by: ApiCaller) => ask(ACCOUNT_ANSWERS.account, 'GET', '/api/v1/account', { by })

    expect(await account('anonymous')).toEqual({
      ...{ name: null, kind: 'anonymous', groups: [], admin: false, robots: false, keepsAccounts: true },
    })
    expect(await account('admin')).toMatchObject({ name: 'admin', kind: 'user', admin: true, robots: true })
    expect(await account('reader')).toMatchObject({ admin: false, robots: true })
    expect(await account('robot')).toMatchObject({ name: 'robot:ci', kind: 'robot', admin: false, robots: false })
  })

  test('each change has a line in the log, and no line has a password or a token', async () => {
    await addUser('erin', 'very-secret-word')
    const { token } = await makeRobot({ name: 'reader.logged' })

    const lines = JSON.stringify(lab.berth.log.lines)
    expect(lines).toContain('"user":"admin"')
    expect(lines).not.toContain('very-secret-word')
    expect(lines).not.toContain(token)
  })
})

test('a user has a hundred robots and no more', async () => {
  await using lab = await ApiLab.start()
  const make = async (number: number) => (await lab.ask('reader', 'POST', ROBOTS, { name: `reader.r${number}` })).status

  const statuses = await Promise.all(Array.from({ length: 101 }, (_, number) => make(number)))

  expect(statuses.filter((status) => status === 201)).toHaveLength(100)
  expect(statuses.filter((status) => status === 409)).toHaveLength(1)
})

test('where no accounts are kept, the paths say so', async () => {
  using folder = new TemporaryFolder()
  await using berth = await AppInTest.start(folder, {})

  for (const path of [USERS, GROUPS, ROBOTS, '/api/v1/rules', '/api/v1/permissions?repository=a']) {
    const { message } = await expectError(await berth.request('GET', path), 405, 'UNSUPPORTED')
    expect(message).toContain('section access')
  }
  const account = ACCOUNT_ANSWERS.account.parse(await (await berth.request('GET', '/api/v1/account')).json())
  expect(account).toMatchObject({ kind: 'anonymous', admin: false, keepsAccounts: false })
})
