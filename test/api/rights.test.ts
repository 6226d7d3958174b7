import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { pushImage } from '../collect/rows/row.ts'
import { AccessRegistry } from '../support/access-registry.ts'
import { makeImage } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import type { RegistryClient } from '../support/registry-client.ts'

setDefaultTimeout(60_000)

const ACCESS = `  rules:
    - {who: ['user:operator'], repositories: ['**'], can: [pull, push, delete, list]}
    - {who: ['user:reader'], repositories: ['team/**'], can: [pull, list]}
    - {who: ['user:writer'], repositories: ['team/**'], can: [pull, push, list]}
    - {who: ['user:owner'], repositories: ['team/**'], can: [pull, push, delete, list]}
    - {who: ['robot:ci'], repositories: ['team/**'], can: [pull, push, delete]}
`
const USERS = ['operator', 'reader', 'writer', 'owner'] as const
/** In a repository that they may see, in one that is hidden from them, and in one that is not there. */
const REPOSITORIES = ['team/app', 'secret/app', 'secret/none']
const image = makeImage('image')

let registry: AccessRegistry
let robot: string

beforeAll(async () => {
  registry = await AccessRegistry.start({ access: ACCESS })
  for (const user of USERS) await registry.addUser(user, `${user}-secret`)
  robot = await registry.addRobot('ci')
  for (const repository of REPOSITORIES.slice(0, 2)) await pushImage(clientOf('operator'), image, 'v1', repository)
})
afterAll(async () => await registry[Symbol.asyncDispose]())

function clientOf(caller: string): RegistryClient {
  if (caller === 'anonymous') return registry.client()
  return caller === 'robot' ? registry.basic('ci', robot) : registry.basic(caller, `${caller}-secret`)
}

const LOOK = ['GET', 'deletion?tag=v1'] as const
const DELETE = ['POST', 'deletion?tag=v1&token=none'] as const
const DELETED = ['GET', 'deleted'] as const
const UNDELETE = ['POST', 'undelete?tag=none'] as const
const HISTORY = ['GET', 'history?tag=v1'] as const
const RESTORE = ['POST', 'restore?tag=none&back=1'] as const
const QUOTAS = ['GET', 'quotas'] as const
const RETENTION = ['GET', 'retention'] as const
const TAGS = ['GET', 'tags'] as const
const IMAGE = ['GET', 'image?tag=v1'] as const
const REPOSITORY = ['GET', ''] as const
const STORAGE = ['GET', 'storage'] as const
const STORAGE_OF_TAGS = ['GET', 'storage?n=10'] as const
const COMPARE = ['GET', 'compare?from=v1&to=v1'] as const
const STAR = ['PUT', 'star'] as const
const UNSTAR = ['DELETE', 'star'] as const
const DESCRIBE = ['PUT', 'description?text=Service'] as const
const UNDESCRIBE = ['DELETE', 'description'] as const

// Nothing is changed here: a token that fits nothing is 409, and what was never deleted 404, once the caller is let in.
test.each([
  ['anonymous', LOOK, [401, 401, 401]],
  ['anonymous', DELETE, [401, 401, 401]],
  ['anonymous', DELETED, [401, 401, 401]],
  ['anonymous', UNDELETE, [401, 401, 401]],
  ['anonymous', HISTORY, [401, 401, 401]],
  ['anonymous', RESTORE, [401, 401, 401]],
  ['anonymous', QUOTAS, [401, 401, 401]],
  ['anonymous', RETENTION, [401, 401, 401]],
  ['anonymous', TAGS, [401, 401, 401]],
  ['anonymous', IMAGE, [401, 401, 401]],
  ...[REPOSITORY, STORAGE, STORAGE_OF_TAGS, COMPARE, STAR, UNSTAR, DESCRIBE, UNDESCRIBE].map(
    (thing) => ['anonymous', thing, [401, 401, 401]] as const,
  ),
  ...[REPOSITORY, STORAGE, STORAGE_OF_TAGS, COMPARE].flatMap((thing) => [
    ...(['reader', 'writer', 'owner'] as const).map((caller) => [caller, thing, [200, 404, 404]] as const),
    ['operator', thing, [200, 200, 404]] as const,
  ]),
  ['robot', REPOSITORY, [200, 404, 404]],
  ['robot', COMPARE, [200, 404, 404]],
  ['reader', STAR, [200, 404, 404]],
  ['reader', UNSTAR, [200, 404, 404]],
  ['operator', STAR, [200, 200, 404]],
  ['operator', UNSTAR, [200, 200, 404]],
  ['robot', STAR, [403, 404, 404]],
  ['robot', UNSTAR, [403, 404, 404]],
  ['reader', DESCRIBE, [403, 403, 403]],
  ['reader', UNDESCRIBE, [403, 403, 403]],
  ['writer', DESCRIBE, [200, 403, 403]],
  ['writer', UNDESCRIBE, [200, 403, 403]],
  ['robot', DESCRIBE, [200, 403, 403]],
  ['operator', DESCRIBE, [200, 200, 404]],
  ['operator', UNDESCRIBE, [200, 200, 404]],
  ['reader', TAGS, [200, 404, 404]],
  ['reader', IMAGE, [200, 404, 404]],
  ['writer', TAGS, [200, 404, 404]],
  ['owner', IMAGE, [200, 404, 404]],
  ['robot', TAGS, [200, 404, 404]],
  ['robot', IMAGE, [200, 404, 404]],
  ['operator', TAGS, [200, 200, 404]],
  ['operator', IMAGE, [200, 200, 404]],
  ['reader', LOOK, [403, 403, 403]],
  ['reader', DELETE, [403, 403, 403]],
  ['reader', DELETED, [403, 403, 403]],
  ['reader', UNDELETE, [403, 403, 403]],
  ['reader', HISTORY, [200, 403, 403]],
  ['reader', RESTORE, [403, 403, 403]],
  ['reader', QUOTAS, [403, 403, 403]],
  ['reader', RETENTION, [403, 403, 403]],
  ['writer', LOOK, [403, 403, 403]],
  ['writer', DELETE, [403, 403, 403]],
  ['writer', DELETED, [200, 403, 403]],
  ['writer', UNDELETE, [404, 403, 403]],
  ['writer', HISTORY, [200, 403, 403]],
  ['writer', RESTORE, [404, 403, 403]],
  ['writer', QUOTAS, [200, 403, 403]],
  ['writer', RETENTION, [200, 403, 403]],
  ['owner', LOOK, [200, 403, 403]],
  ['owner', DELETE, [409, 403, 403]],
  ['owner', DELETED, [200, 403, 403]],
  ['owner', UNDELETE, [404, 403, 403]],
  ['robot', LOOK, [200, 403, 403]],
  ['robot', DELETE, [409, 403, 403]],
  ['operator', LOOK, [200, 200, 404]],
  ['operator', HISTORY, [200, 200, 200]],
  ['operator', QUOTAS, [200, 200, 200]],
  ['operator', RETENTION, [200, 200, 404]],
] as const)('%s: %j answers %j', async (caller, [method, thing], statuses) => {
  const answers = await Promise.all(
    REPOSITORIES.map((repository) =>
      clientOf(caller).request(method, `/api/v1/repositories/${repository}${thing === '' ? '' : `/${thing}`}`),
    ),
  )

  expect(answers.map(({ status }) => status)).toEqual([...statuses])
})

test('a token for a repository opens its paths to a caller who may delete there, and to no other', async () => {
  const scopes = ['repository:team/app:delete']
  const owner = await registry.bearer(scopes, 'owner', 'owner-secret')
  const writer = await registry.bearer(scopes, 'writer', 'writer-secret')

  const look = (client: RegistryClient) => client.request('GET', '/api/v1/repositories/team/app/deletion?tag=v1')
  const [byOwner, byWriter, byAnonymous] = await Promise.all([look(owner), look(writer), look(registry.client())])

  expect([byOwner.status, byWriter.status]).toEqual([200, 403])
  expect(byAnonymous.headers.get('www-authenticate')).toContain('scope="repository:team/app:delete"')
})

test('a list of repositories, and a search, show those that the caller may list', async () => {
  const listed = async (caller: string, query: string) => {
    const answer = await clientOf(caller).request('GET', `/api/v1/repositories${query}`)
    const { repositories } = (await answer.json()) as { repositories?: { name: string }[] }
    return repositories?.map(({ name }) => name) ?? answer.status
  }

  for (const query of ['', '?q=app', '?q=image', '?q=ap']) {
    expect(await listed('anonymous', query)).toBe(401)
    expect(await listed('reader', query)).toEqual(['team/app'])
    expect(await listed('operator', query)).toEqual(['secret/app', 'team/app'])
  }
})

test('activity shows the moves in repositories that the caller may list', async () => {
  const shown = async (caller: string) => {
    const answer = await clientOf(caller).request('GET', '/api/v1/activity')
    const { activity } = (await answer.json()) as { activity?: { repository: string }[] }
    return activity?.map(({ repository }) => repository).toSorted() ?? answer.status
  }

  await poll('the moves are there', 30_000, async () => ((await shown('operator')) as unknown[]).length === 2 || undefined)

  expect(await shown('operator')).toEqual(['secret/app', 'team/app'])
  expect(await shown('reader')).toEqual(['team/app'])
  expect(await shown('anonymous')).toBe(401)
})

test('openapi.json needs the login that /v2/ needs', async () => {
  const statuses = await Promise.all(
    ['anonymous', 'reader'].map(async (caller) => (await clientOf(caller).request('GET', '/api/v1/openapi.json')).status),
  )

  expect(statuses).toEqual([401, 200])
})
