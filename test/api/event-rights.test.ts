import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { pushImage } from '../collect/rows/row.ts'
import { AccessRegistry, basic } from '../support/access-registry.ts'
import { EventStream } from '../support/event-stream.ts'
import { makeImage } from '../support/images.ts'

setDefaultTimeout(120_000)

const ACCESS = `  rules:
    - {who: ['user:operator'], repositories: ['**'], can: [pull, push, delete, list]}
    - {who: ['user:reader'], repositories: ['team/**'], can: [pull, list]}
    - {who: [authenticated], repositories: ['team/**'], can: [pull]}
`
const QUERY = '?kind=manifest.push'
const image = makeImage('image')

let registry: AccessRegistry
beforeAll(async () => {
  registry = await AccessRegistry.start({ access: ACCESS })
  for (const user of ['operator', 'reader']) await registry.addUser(user, `${user}-secret`)
})
afterAll(async () => await registry[Symbol.asyncDispose]())

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
