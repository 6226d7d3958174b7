import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { listen } from '../../src/http/server/server.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import { AppInTest, basic } from '../support/app-in-test.ts'
import { FakeUpstream } from '../support/fake-upstream.ts'
import { blobsOf, type Image, makeImage } from '../support/images.ts'
import { AuthorizedClient, expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { serveImages } from '../support/upstream-images.ts'

const ALPINE = makeImage('alpine')
const SHADOW = makeImage('shadow of a name here')
const LOCAL = makeImage('local')
const NODE = makeImage('node')

let folder: TemporaryFolder
let hub: FakeUpstream
let quay: FakeUpstream

beforeEach(async () => {
  folder = new TemporaryFolder()
  hub = await FakeUpstream.start(serveImages({ 'library/alpine': ALPINE, 'mine/app': SHADOW, 'mine/other': SHADOW }))
  quay = await FakeUpstream.start(serveImages({ 'prometheus/node': NODE, 'mine/app': NODE }))
})
afterEach(async () => {
  await hub[Symbol.asyncDispose]()
  await quay[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function start(server: typeof listen = listen, more: object = {}): Promise<AppInTest> {
  const mirrors = [
    { prefix: 'docker.io', url: hub.url, default: true, repositories: ['library/*', 'mine/app'] },
    { prefix: 'quay', url: quay.url },
  ]
  const storage = { filesystem: { rootdirectory: folder.join('data') }, delete: { enabled: true } }
  return await AppInTest.start(folder, { storage, mirrors, ...more }, { server })
}

async function push(client: RegistryClient, repository: string, image: Image): Promise<void> {
  for (const blob of blobsOf(image)) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, 'latest', image.manifest), 201)
}

/** Whose image it is. */
async function pull(client: RegistryClient, repository: string, query = ''): Promise<string | number> {
  const found = await client.request('GET', `/v2/${repository}/manifests/latest${query}`)
  if (found.status !== 200) return found.status
  const image = [ALPINE, SHADOW, LOCAL, NODE].find(
    ({ manifest }) => manifest.digest === found.headers.get('docker-content-digest'),
  )
  if (image === undefined) throw new Error('an image that no registry has')
  for (const { digest, bytes } of blobsOf(image)) {
    const answer = await expectStatus(await client.request('GET', `/v2/${repository}/blobs/${digest}${query}`), 200)
    expect(Buffer.from(await answer.bytes()).equals(bytes)).toBe(true)
  }
  return NAMES.get(image) ?? ''
}

const NAMES = new Map([
  [ALPINE, 'alpine'],
  [SHADOW, 'shadow'],
  [LOCAL, 'local'],
  [NODE, 'node'],
])

async function catalog(client: RegistryClient): Promise<readonly string[]> {
  return ((await (await client.request('GET', '/v2/_catalog')).json()) as { repositories: readonly string[] }).repositories
}

describe.each([
  ['files', listen],
  ['streams', listenForStreams],
] as const)('over the server for %s', (_, server) => {
  test('names that are not here are those of the default mirror, as --registry-mirror needs it', async () => {
    await using registry = await start(server)
    const { client } = registry

    expect(await pull(client, 'library/alpine')).toBe('alpine')
    expect(await pull(client, 'alpine')).toBe('alpine')
    expect(await pull(client, 'docker.io/library/alpine')).toBe('alpine')
    const tags = await client.request('GET', '/v2/library/alpine/tags/list')
    expect(await tags.json()).toEqual({ name: 'docker.io/library/alpine', tags: ['latest'] })
    // What is pushed stays what it is.
    expect(await catalog(client)).toEqual(['docker.io/library/alpine'])
    expect(hub.count('GET /v2/library/alpine/manifests/latest')).toBe(1)
  })

  test('?ns= says whose a name is, as containerd says it', async () => {
    await using registry = await start(server)
    const { client } = registry
    await push(client, 'mine/app', LOCAL)

    expect(await pull(client, 'library/alpine', '?ns=docker.io')).toBe('alpine')
    expect(await pull(client, 'library/alpine', '?ns=registry-1.docker.io')).toBe('alpine')
    expect(await pull(client, 'mine/app', '?ns=docker.io')).toBe('shadow')
    expect(await pull(client, 'mine/app', '?ns=quay')).toBe('node')
    expect(await pull(client, 'mine/app', `?ns=${encodeURIComponent(new URL(quay.url).host)}`)).toBe('node')
    expect(await pull(client, 'docker.io/library/alpine', '?ns=docker.io')).toBe('alpine')
    expect(await pull(client, 'mine/app')).toBe('local')
    const spaceOf = async (path: string) => (await client.request('HEAD', path)).headers.get('oci-namespace')
    expect(await spaceOf('/v2/library/alpine/manifests/latest?ns=docker.io')).toBe('docker.io')
    expect(await spaceOf('/v2/library/alpine/manifests/latest?ns=other')).toBeNull()
    expect(await spaceOf('/v2/docker.io/library/alpine/manifests/latest?ns=docker.io')).toBeNull()
    const pushed = await client.request('POST', '/v2/mine/new/blobs/uploads/?ns=docker.io')
    expect([pushed.status, await pushed.text()]).toEqual([405, expect.stringContaining('is a mirror of')])
  })
})

test('a repository here comes before the default mirror, with all its tags, from its first blob on', async () => {
  await using registry = await start()
  const { client } = registry
  const [blob] = blobsOf(LOCAL)
  if (blob === undefined) throw new Error('an image without blobs')

  await client.pushBlob('mine/app', blob)
  expect((await client.headManifest('mine/app', 'latest')).status).toBe(404)
  await push(client, 'mine/app', LOCAL)
  expect(await pull(client, 'mine/app')).toBe('local')
  for (const path of [`manifests/${SHADOW.manifest.digest}`, `blobs/${SHADOW.config.digest}`, 'manifests/other'])
    expect((await client.request('GET', `/v2/mine/app/${path}`)).status).toBe(404)

  expect(hub.asked).toEqual([])
})

test('a repository here comes first also when the database is new, and when its content was deleted no longer', async () => {
  {
    await using registry = await start()
    await push(registry.client, 'mine/app', LOCAL)
  }
  await Bun.$`rm -f ${folder.join('data')}/berth/metadata.db ${folder.join('data')}/berth/metadata.db-wal ${folder.join('data')}/berth/metadata.db-shm`
  await using registry = await start()
  const { client } = registry

  expect(await pull(client, 'mine/app')).toBe('local')
  expect(hub.asked).toEqual([])

  await expectStatus(await client.deleteManifest('mine/app', LOCAL.manifest.digest), 202)
  for (const { digest } of blobsOf(LOCAL)) await expectStatus(await client.deleteBlob('mine/app', digest), 202)
  expect(await pull(client, 'mine/app')).toBe('shadow')
})

test('a client that pushes a new name asks nobody else whether its blobs are there', async () => {
  await using registry = await start()

  for (const { digest } of blobsOf(SHADOW)) expect((await registry.client.headBlob('mine/app', digest)).status).toBe(404)
  await push(registry.client, 'mine/app', LOCAL)

  expect(hub.asked).toEqual([])
})

test.each(['?ns=ghcr.io', '?ns=', `?ns=${'a'.repeat(300)}`])(
  'with %s, of which there is no mirror, a name is one of this registry alone',
  async (query) => {
    await using registry = await start()
    await push(registry.client, 'team/app', LOCAL)

    expect(await pull(registry.client, 'library/alpine', query)).toBe(404)
    expect(await pull(registry.client, 'team/app', query)).toBe('local')
    expect([...hub.asked, ...quay.asked]).toEqual([])
  },
)

test('what the default mirror does not fetch is not looked for there', async () => {
  await using registry = await start()

  expect(await pull(registry.client, 'mine/other')).toBe(404)
  expect(await pull(registry.client, 'docker.io')).toBe(404)
  expect(await pull(registry.client, 'quay/none')).toBe(404)
  expect(hub.asked).toEqual([])
})

describe('where rules say who may what', () => {
  const RULES = [
    { who: ['user:owner'], repositories: ['mine/**', 'docker.io/**'], can: ['pull', 'push', 'list'] },
    { who: ['anonymous', 'user:guest'], repositories: ['docker.io/**'], can: ['pull', 'list'] },
  ]
  const startWithRules = async () => {
    const users = ['owner', 'guest', 'nobody'].map(
      (name) => `${name}:${Bun.password.hashSync(name, { algorithm: 'bcrypt', cost: 5 })}\n`,
    )
    const path = await folder.file('htpasswd', users.join(''))
    return await start(listen, { auth: { htpasswd: { realm: 'r', path } }, access: { rules: RULES } })
  }
  const as = (registry: AppInTest, name: string) => new AuthorizedClient(registry.url, basic(name, name))

  test('they are asked about the name that is meant, and a repository that is hidden is as one that is not here', async () => {
    await using registry = await startWithRules()
    await push(as(registry, 'owner'), 'mine/app', LOCAL)

    expect(await pull(as(registry, 'owner'), 'mine/app')).toBe('local')
    expect(await pull(as(registry, 'guest'), 'mine/app')).toBe('shadow')
    expect(await pull(as(registry, 'guest'), 'library/alpine')).toBe('alpine')
    expect(await pull(as(registry, 'guest'), 'library/alpine', '?ns=docker.io')).toBe('alpine')
    expect(await pull(registry.client, 'library/alpine')).toBe('alpine')
    const { length } = hub.asked
    for (const name of ['library/alpine', 'mine/app', 'mine/none'])
      for (const query of ['', '?ns=docker.io']) expect(await pull(as(registry, 'nobody'), name, query)).toBe(404)
    expect(await pull(as(registry, 'guest'), 'prometheus/node', '?ns=quay')).toBe(404)
    expect(hub.asked).toHaveLength(length)
    expect(quay.asked).toEqual([])
  })

  test('a token for the name that Docker asks by is good for the mirror, and for nothing that the rules do not allow', async () => {
    await using registry = await startWithRules()
    await push(as(registry, 'owner'), 'mine/app', LOCAL)
    const token = async (name: string, scope: string) => {
      const client = name === '' ? registry.client : as(registry, name)
      const answer = await client.request('GET', `/v2/token?service=berth&scope=${scope}`)
      return new AuthorizedClient(registry.url, { authorization: `Bearer ${((await answer.json()) as { token: string }).token}` })
    }

    expect(await pull(await token('', 'repository:library/alpine:pull'), 'library/alpine')).toBe('alpine')
    expect(await pull(await token('', 'repository:docker.io/library/alpine:pull'), 'library/alpine', '?ns=docker.io')).toBe(
      'alpine',
    )
    const guest = await token('guest', 'repository:mine/app:pull,push')
    expect(await pull(guest, 'mine/app')).toBe('shadow')
    expect((await guest.request('POST', '/v2/mine/app/blobs/uploads/')).status).toBe(403)
    expect(await pull(guest, 'library/alpine')).toBe(401)
    expect(await pull(await token('owner', 'repository:mine/app:pull'), 'mine/app')).toBe('local')
    expect(await pull(await token('nobody', 'repository:library/alpine:pull'), 'library/alpine')).toBe(404)
  })
})
