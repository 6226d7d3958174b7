import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { pushImage } from '../collect/rows/row.ts'
import { AccessRegistry } from '../support/access-registry.ts'
import { makeImage } from '../support/images.ts'
import { describeOnStores, s3Section } from '../support/object-store.ts'
import type { RegistryClient } from '../support/registry-client.ts'

setDefaultTimeout(120_000)

const RULES = `    - {who: ['user:operator'], repositories: ['**'], can: [pull, push, delete, list]}
    - {who: ['user:reader'], repositories: ['team/**'], can: [pull, list]}
    - {who: ['user:puller'], repositories: ['team/**'], can: [pull]}
    - {who: ['robot:ci'], repositories: ['team/tool'], can: [pull, list]}
    - {who: ['user:stranger'], repositories: ['nowhere/**'], can: [pull, list]}
`
const OPEN = `    - {who: [anonymous], repositories: ['public/**'], can: [pull, list]}
`
const REPOSITORIES = ['team/app', 'team/tool', 'secret/app', 'public/app']
const USERS = ['operator', 'reader', 'puller', 'stranger']

describe('what a search shows, on a directory,', () => showsWhatMayBeSeen(async () => undefined))
// Berth's own server answers there.
describeOnStores('what a search shows', (store) => showsWhatMayBeSeen(async () => s3Section(await store().newBucket())), [
  'seaweedfs',
])

function showsWhatMayBeSeen(storage: () => Promise<string | undefined>): void {
  describe.each([
    ['where no caller without a name may see anything', RULES, undefined],
    ['where such a caller may see a part', RULES + OPEN, ['public/app']],
  ] as const)('%s', (_, rules, publicNames) => {
    let registry: AccessRegistry
    let robot: string

    beforeAll(async () => {
      const place = await storage()
      registry = await AccessRegistry.start({ access: `  rules:\n${rules}`, ...(place === undefined ? {} : { storage: place }) })
      for (const user of USERS) await registry.addUser(user, `${user}-secret`)
      robot = await registry.addRobot('ci')
      for (const name of REPOSITORIES) await pushImage(clientOf('operator'), makeImage('all'), 'v1', name)
    })
    afterAll(async () => await registry[Symbol.asyncDispose]())

    function clientOf(caller: string): RegistryClient {
      if (caller === 'anonymous') return registry.client()
      return caller === 'robot' ? registry.basic('ci', robot) : registry.basic(caller, `${caller}-secret`)
    }

    /** The names, and how many the answer counts; else the status. */
    async function found(client: RegistryClient, query: string): Promise<unknown> {
      const response = await client.request('GET', `/v1/search?q=${query}`)
      if (response.status !== 200) return response.status
      const { results, num_results } = (await response.json()) as { results: { name: string }[]; num_results: number }
      expect(num_results).toBe(results.length)
      return results.map(({ name }) => name).toSorted()
    }

    test.each([
      // The image's label is in all of them, and a prefix, a part and a word of two letters each find by a way of their own.
      ['operator', REPOSITORIES],
      ['reader', ['team/app', 'team/tool']],
      ['robot', ['team/tool']],
      ['puller', 403],
      ['stranger', []],
    ] as const)('%s finds %j', async (caller, expected) => {
      const client = clientOf(caller)
      const named = (part: string) =>
        Array.isArray(expected) ? expected.filter((name) => name.includes(part)).toSorted() : expected
      const all = Array.isArray(expected) ? expected.toSorted() : expected

      expect(await found(client, '')).toEqual(all as never)
      expect(await found(client, 'all')).toEqual(all as never)
      expect(await found(client, 'al')).toEqual(all as never)
      expect(await found(client, 'secret')).toEqual(named('secret') as never)
      expect(await found(client, 'secret/app')).toEqual(named('secret/app') as never)
      expect(await found(client, 'team')).toEqual(named('team') as never)
    })

    test('a caller without a name finds what the rules let it see, and is else asked to log in', async () => {
      const response = await registry.client().request('GET', '/v1/search?q=app')

      if (publicNames === undefined) {
        expect(response.status).toBe(401)
        expect(response.headers.get('www-authenticate')).toContain('scope="registry:catalog:*"')
      } else {
        expect(await found(registry.client(), 'app')).toEqual([...publicNames] as never)
        expect(await found(registry.client(), 'secret')).toEqual([] as never)
      }
    })

    test('a client that goes on to the catalog with its login, as podman does, is sent there while it shows none', async () => {
      const headers = { 'docker-distribution-api-version': 'registry/2.0' }
      const statusOf = async (client: RegistryClient) => (await client.request('GET', '/v1/search?q=app', { headers })).status

      expect([await statusOf(registry.client()), await statusOf(clientOf('reader'))]).toEqual([401, 200])
    })

    test('wrong credentials are refused, whatever a caller without a name may see', async () => {
      expect(await found(registry.basic('reader', 'wrong'), 'app')).toBe(401)
    })

    test('a token for the search, as Docker asks for it, and one for the catalog show the same; one for a repository shows nothing', async () => {
      const bearer = async (scope: string) => await registry.bearer([scope], 'reader', 'reader-secret')

      expect(await found(await bearer('registry:catalog:search'), 'all')).toEqual(['team/app', 'team/tool'])
      expect(await found(await bearer('registry:catalog:*'), 'all')).toEqual(['team/app', 'team/tool'])
      expect(await found(await bearer('repository:team/app:pull'), 'all')).toBe(401)
    })

    test('what Docker asks before it searches is answered to every caller', async () => {
      expect((await registry.client().request('GET', '/v1/_ping')).status).toBe(200)
    })
  })
}
