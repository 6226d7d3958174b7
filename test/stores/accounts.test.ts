import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { AccessRegistry } from '../support/access-registry.ts'
import { describeOnStores, s3Section } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'

setDefaultTimeout(180_000)

const ACCESS = `  rules:
    - {who: ['group:team'], repositories: ['team/*'], can: [pull, push]}
`
const UPLOADS = '/v2/team/app/blobs/uploads/'

describeOnStores('accounts in a bucket', (store) => {
  let registry: AccessRegistry

  beforeAll(async () => {
    const storage = s3Section(await store().newBucket())
    registry = await AccessRegistry.start({ access: ACCESS, storage, processes: 2 })
  })
  afterAll(async () => await registry[Symbol.asyncDispose]())

  test('are changed by commands; on the same machine that holds at the next request, in both processes', async () => {
    await registry.addUser('alice', 'alice-secret', 'team')
    expect(await statuses(registry, 'alice-secret')).toEqual(new Set([202]))
    const token = await registry.token(['repository:team/app:pull,push'], 'alice', 'alice-secret')

    await registry.berth(['user', 'passwd', 'alice', '--password-stdin'], 'new-secret')
    expect(await statuses(registry, 'alice-secret')).toEqual(new Set([401]))
    expect(await statuses(registry, 'new-secret')).toEqual(new Set([202]))
    await registry.berth(['group', 'remove', 'team', 'alice'])

    expect(await statuses(registry, 'new-secret')).toEqual(new Set([403]))
    expect((await registry.client({ authorization: `Bearer ${token}` }).request('GET', '/v2/')).status).toBe(401)
  })

  test('are seen within seconds where the command ran on another machine', async () => {
    await registry.addUser('bob', 'bob-secret', 'team')
    const token = await registry.token(['repository:team/app:pull,push'], 'bob', 'bob-secret')
    const client = registry.client({ authorization: `Bearer ${token}` })
    expect((await client.request('GET', '/v2/')).status).toBe(200)

    await registry.berthElsewhere(['user', 'remove', 'bob'])

    await poll('bob is out', 60_000, async () => ((await client.request('GET', '/v2/')).status === 401 ? true : undefined))
  })
})

async function statuses(registry: AccessRegistry, password: string): Promise<Set<number>> {
  const client = registry.basic('alice', password)
  const asked = Array.from({ length: 4 }, () => client.request('POST', UPLOADS, { headers: { connection: 'close' } }))
  return new Set((await Promise.all(asked)).map(({ status }) => status))
}
