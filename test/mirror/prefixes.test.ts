import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { listen } from '../../src/http/server/server.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { FakeUpstream } from '../support/fake-upstream.ts'
import { blobsOf, type Image, makeImage } from '../support/images.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { serveImages } from '../support/upstream-images.ts'

const ALPINE = makeImage('alpine')
const TEAM = makeImage('team')
const NODE = makeImage('node')
const LOCAL = makeImage('local')
const [LAYER] = ALPINE.layers

let folder: TemporaryFolder
let hub: FakeUpstream
let quay: FakeUpstream
let registry: AppInTest

async function start(server: typeof listen, others: readonly object[] = []): Promise<void> {
  hub = await FakeUpstream.start(serveImages({ 'library/alpine': ALPINE, 'team/app': TEAM }))
  quay = await FakeUpstream.start(serveImages({ 'prometheus/node': NODE, 'coreos/etcd': TEAM }))
  const mirrors = [
    { prefix: 'docker.io', url: hub.url },
    { prefix: 'quay', url: quay.url, repositories: ['prometheus/**'], ttl: '1h' },
    ...others,
  ]
  registry = await AppInTest.start(
    folder,
    { storage: { filesystem: { rootdirectory: folder.join('data') }, delete: { enabled: true } }, mirrors },
    { server },
  )
}

beforeEach(() => {
  folder = new TemporaryFolder()
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await hub[Symbol.asyncDispose]()
  await quay[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function push(repository: string, image: Image, client: RegistryClient = registry.client): Promise<void> {
  for (const blob of blobsOf(image)) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, 'latest', image.manifest), 201)
}

/** All of an image, by its tag. */
async function pull(repository: string, { manifest, ...image }: Image): Promise<void> {
  const found = await expectStatus(await registry.client.getManifest(repository, 'latest'), 200)
  expect(found.headers.get('docker-content-digest')).toBe(manifest.digest)
  for (const blob of blobsOf({ manifest, ...image })) {
    const answer = await expectStatus(await registry.client.getBlob(repository, blob.digest), 200)
    expect(Buffer.from(await answer.bytes()).equals(blob.bytes)).toBe(true)
  }
}

async function repositories(): Promise<readonly string[]> {
  const answer = await registry.request('GET', '/v2/_catalog')
  return ((await answer.json()) as { repositories: readonly string[] }).repositories
}

describe.each([
  ['files', listen],
  ['streams', listenForStreams],
] as const)('mirrors below prefixes, over the server for %s,', (_, server) => {
  test('serve the images of several registries beside those of this one, which takes pushes', async () => {
    await start(server)
    await push('mine/app', LOCAL)

    await pull('docker.io/library/alpine', ALPINE)
    await pull('docker.io/team/app', TEAM)
    await pull('quay/prometheus/node', NODE)
    await pull('mine/app', LOCAL)

    expect(await repositories()).toEqual(['docker.io/library/alpine', 'docker.io/team/app', 'mine/app', 'quay/prometheus/node'])
    expect(hub.asked.filter((asked) => !/ \/v2\/(library\/alpine|team\/app)\//.test(asked))).toEqual([])
    expect(hub.count(`GET /v2/library/alpine/blobs/${LAYER?.digest}`)).toBe(1)
    expect(quay.asked.filter((asked) => !asked.includes('/v2/prometheus/node/'))).toEqual([])
  })

  test('keep what they have fetched: with the registries gone it is served from here', async () => {
    await start(server)
    await pull('docker.io/library/alpine', ALPINE)
    await hub[Symbol.asyncDispose]()

    await pull('docker.io/library/alpine', ALPINE)

    const { headers } = await registry.client.getManifest('docker.io/library/alpine', 'latest')
    expect(headers.get('warning')).toBe(`111 - "${hub.url} could not confirm the tag"`)
    const absent = await registry.client.getManifest('docker.io/library/other', 'latest')
    expect([absent.status, await absent.text()]).toEqual([503, expect.stringContaining(`The upstream ${hub.url}`)])
  })

  test('know the images of Docker Hub by their short names', async () => {
    await start(server)

    await pull('docker.io/alpine', ALPINE)

    expect(await repositories()).toEqual(['docker.io/library/alpine'])
    const tags = await registry.request('GET', '/v2/docker.io/alpine/tags/list?n=1')
    expect(await tags.json()).toEqual({ name: 'docker.io/library/alpine', tags: ['latest'] })
  })

  test('look a tag up at most once in its ttl', async () => {
    await start(server)
    for (let pulls = 0; pulls < 3; pulls += 1) {
      await pull('quay/prometheus/node', NODE)
      await pull('docker.io/team/app', TEAM)
    }

    expect(quay.asked.filter((asked) => asked.endsWith('latest'))).toEqual(['GET /v2/prometheus/node/manifests/latest'])
    expect(hub.count('HEAD /v2/team/app/manifests/latest')).toBe(2)
  })

  test('fetch nothing but the repositories that their operator names', async () => {
    await start(server)

    for (const path of ['manifests/latest', `blobs/${LAYER?.digest}`, 'tags/list']) {
      const answer = await registry.request('GET', `/v2/quay/coreos/etcd/${path}`)
      expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('_UNKNOWN')])
    }

    expect(quay.asked).toEqual([])
  })

  test.each([
    ['POST', '/v2/docker.io/library/mine/blobs/uploads/', ''],
    ['POST', '/v2/docker.io/mine/blobs/uploads/', ''],
    ['POST', '/v2/docker.io/blobs/uploads/', ''],
    ['POST', `/v2/quay/coreos/etcd/blobs/uploads/?mount=${LAYER?.digest}&from=mine/app`, ''],
    ['PATCH', '/v2/docker.io/library/mine/blobs/uploads/some-id', ''],
    ['PUT', '/v2/docker.io/library/mine/manifests/latest', 'GET, HEAD, DELETE'],
  ])('take no pushes: %s %s is UNSUPPORTED, and says where to push', async (method, path, allow) => {
    await start(server)

    const answer = await registry.request(method, path)

    const { errors } = (await answer.json()) as { errors: readonly { code: string; message: string }[] }
    expect([answer.status, answer.headers.get('allow'), errors[0]?.code]).toEqual([405, allow, 'UNSUPPORTED'])
    expect(errors[0]?.message).toMatch(/is a mirror of http:\/\/127\.0\.0\.1:\d+: push there, or to a name outside of it\./)
    expect([...hub.asked, ...quay.asked]).toEqual([])
  })

  test('may be emptied by a delete, and fetch again then', async () => {
    await start(server)
    await pull('docker.io/library/alpine', ALPINE)

    await expectStatus(await registry.client.deleteManifest('docker.io/alpine', ALPINE.manifest.digest), 202)
    expect(await repositories()).toEqual([])
    await pull('docker.io/library/alpine', ALPINE)

    expect(hub.count('GET /v2/library/alpine/manifests/latest')).toBe(2)
  })
})

test('a mirror that is offline serves what is here, asks nobody, and calls nothing absent', async () => {
  await start(listen)
  await pull('docker.io/library/alpine', ALPINE)
  const { length: before } = hub.asked
  await registry[Symbol.asyncDispose]()
  const storage = { filesystem: { rootdirectory: folder.join('data') } }
  registry = await AppInTest.start(folder, { storage, mirrors: [{ prefix: 'docker.io', url: hub.url, offline: true }] })

  await pull('docker.io/library/alpine', ALPINE)
  const { headers } = await registry.client.getManifest('docker.io/library/alpine', 'latest')
  const paths = ['library/alpine/manifests/other', 'team/app/manifests/latest', `team/app/blobs/${LAYER?.digest}`, 'a/tags/list']
  const others = await Promise.all(paths.map((path) => registry.request('GET', `/v2/docker.io/${path}`)))

  expect(headers.get('warning')).toBeNull()
  expect(others.map(({ status }) => status)).toEqual([503, 503, 503, 503])
  for (const other of others) expect(await other.text()).toContain('The mirror docker.io is offline by its configuration')
  expect((await registry.request('POST', '/v2/docker.io/library/mine/blobs/uploads/')).status).toBe(405)
  expect(hub.asked).toHaveLength(before)
})

test('several addresses of a mirror are tried in their order', async () => {
  await using failing = await FakeUpstream.start((_, response) => void response.writeHead(500).end())
  await using near = await FakeUpstream.start(serveImages({ 'a/first': ALPINE }))
  await using far = await FakeUpstream.start(serveImages({ 'a/first': ALPINE, 'a/second': NODE }))
  await start(listen, [{ prefix: 'several', url: [failing.url, near.url, far.url] }])

  await pull('several/a/first', ALPINE)
  expect(far.asked).toEqual([])
  await pull('several/a/second', NODE)
  const line = await registry.log.line(({ fields }) => fields?.digest === NODE.layers[0]?.digest)
  expect(line).toMatchObject({ message: 'a blob was fetched', fields: { upstream: far.url, repository: 'several/a/second' } })
})
