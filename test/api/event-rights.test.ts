import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { pushImage } from '../collect/rows/row.ts'
import { AccessRegistry, basic } from '../support/access-registry.ts'
import { EventStream } from '../support/event-stream.ts'
import { makeImage } from '../support/images.ts'

setDefaultTimeout(120_000)

const ACCESS = `  admins: ['user:admin']
  rules:
    - {who: ['user:operator'], repositories: ['**'], can: [pull, push, delete, list]}
    - {who: ['user:reader'], repositories: ['team/**'], can: [pull, list]}
    - {who: [authenticated], repositories: ['team/**'], can: [pull]}
`
const QUERY = '?kind=manifest.push'
const image = makeImage('image')

let registry: AccessRegistry
beforeAll(async () => {
  registry = await AccessRegistry.start({ access: ACCESS })
  for (const user of ['operator', 'reader', 'admin']) await registry.addUser(user, `${user}-secret`)
})
afterAll(async () => await registry[Symbol.asyncDispose]())

/** Users who are added before the tests, and the robot that the first test revokes, may be told of only in the second. */
const TOLD_LATE = ['admin', 'reader', 'operator', 'gone']

test('events show what the caller may list or pull, and end with its account', async () => {
  const listening = async (authorization: string) =>
    await EventStream.open(registry.url, { query: QUERY, headers: { authorization } })
  const push = async (repository: string, tag: string) =>
    await pushImage(registry.basic('operator', 'operator-secret'), image, tag, repository)
  const token = await registry.addRobot('gone', '--scope', 'team/**:pull')
  await using reader = await listening(basic('reader', 'reader-secret'))
  await using operator = await listening(basic('operator', 'operator-secret'))
  await using robot = await listening(basic('gone', token))
  await using anonymous = await EventStream.open(registry.url)
  expect(anonymous.response.status).toBe(401)
  for (const events of [reader, operator, robot]) await events.take(1)

  for (const repository of ['secret/app', 'team/app']) await push(repository, 'v1')
  const shown = async (events: EventStream, count: number) => (await events.take(count)).map(({ data }) => data.repository)
  expect(await shown(operator, 2)).toEqual(['secret/app', 'team/app'])
  expect(await shown(reader, 1)).toEqual(['team/app'])
  expect(await shown(robot, 1)).toEqual(['team/app'])

  await registry.berth(['token', 'revoke', 'gone'])
  await push('team/app', 'v2')
  expect(await robot.next()).toBeUndefined()
  await using again = await listening(basic('gone', token))
  expect(again.response.status).toBe(401)
})

test('an admin hears of accounts, and which caller changed them, and other callers do not', async () => {
  const query = '?kind=user.add,user.change,user.remove,group.add,group.change,token.add,token.remove,manifest.push'
  const listening = async (name: string) =>
    await EventStream.open(registry.url, { query, headers: { authorization: basic(name, `${name}-secret`) } })
  const ask = async (name: string, method: string, path: string, body?: object) => {
    const authorization = basic(name, `${name}-secret`)
    const headers = { authorization, 'content-type': 'application/json' }
    const answer = await fetch(`${registry.url}/api/v1/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    await answer.body?.cancel()
    return answer.status
  }
  await using admin = await listening('admin')
  await using operator = await listening('operator')
  for (const events of [admin, operator]) await events.take(1)
  const told = async (count: number) => {
    const found: string[] = []
    while (found.length < count) {
      for (const { data } of await admin.take(1)) {
        if (!TOLD_LATE.includes(String(data.name))) found.push(`${data.kind} ${data.name} by ${data.by}`)
      }
    }
    return found.toSorted()
  }

  await registry.addUser('carol', 'carol-secret')
  expect(await told(1)).toEqual(['user.add carol by undefined'])
  expect(await ask('admin', 'POST', 'users', { name: 'carol', password: 'other' })).toBe(409)
  await registry.berth(['user', 'passwd', 'carol', '--password-stdin'], 'new-secret')
  expect(await told(1)).toEqual(['user.change carol by undefined'])
  expect(await ask('admin', 'POST', 'users', { name: 'bob', password: 'bob-secret' })).toBe(201)
  expect(await told(1)).toEqual(['user.add bob by admin'])
  expect(await ask('admin', 'PUT', 'groups/crew/members/bob')).toBe(200)
  expect(await told(1)).toEqual(['group.add crew by admin'])
  expect(await ask('bob', 'POST', 'robots', { name: 'bob.ci' })).toBe(201)
  expect(await told(1)).toEqual(['token.add bob.ci by bob'])
  expect(await ask('admin', 'DELETE', 'users/bob')).toBe(200)
  expect(await told(3)).toEqual(['group.change crew by admin', 'token.remove bob.ci by admin', 'user.remove bob by admin'])

  await pushImage(registry.basic('operator', 'operator-secret'), image, 'v3', 'team/app')
  const [next] = await operator.take(1)
  expect(next?.data).toMatchObject({ kind: 'manifest.push', repository: 'team/app', tag: 'v3' })
})
