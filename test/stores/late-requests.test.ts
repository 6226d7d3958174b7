import { afterEach, beforeEach, describe, expect, setDefaultTimeout, spyOn, test } from 'bun:test'
import { AppInTest } from '../support/app-in-test.ts'
import { processCounts } from '../support/effort.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { describeOnPostgres } from '../support/postgres-suite.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { Replicas } from '../support/replicas.ts'
import { S3Client, type S3Place } from '../support/s3-client.ts'
import { StoreProxy } from '../support/store-proxy.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** A request whose connection broke, which Berth repeats, and which the store gets when others have been answered since. */

setDefaultTimeout(300_000)
/** In earnest 15. A request that had no answer takes two more than that. */
const EXPIRES_SECONDS = 3
const [image, other] = [makeImage('first', { layers: 1 }), makeImage('second', { layers: 1 })]
const layer = image.layers[0] ?? image.config
const GONE = 'gone'

interface Late {
  /** Also the repository. */
  readonly name: string
  /** The first request of this method for a key that ends so comes late. */
  readonly method: 'DELETE' | 'PUT'
  readonly key: string
  /** Sends it. */
  readonly first: (client: RegistryClient) => Promise<unknown>
  /** What is acknowledged before it comes. */
  readonly second: (client: RegistryClient) => Promise<unknown>
  /** What is at the key in the end. */
  readonly holds: string
}

const CURRENT = '_manifests/tags/latest/current/link'
const hexOf = (digest: string) => digest.slice('sha256:'.length)
const pushed = async (client: RegistryClient, name: string, { manifest } = image) =>
  await expectStatus(await client.putManifest(name, 'latest', manifest), 201)
const deleted = async (answer: Promise<Response>) => await expectStatus(await answer, 202)

const LATE: readonly Late[] = [
  {
    ...{ name: 'tag-deleted', method: 'DELETE', key: CURRENT, holds: image.manifest.digest },
    first: (client) => deleted(client.deleteManifest('tag-deleted', 'latest')),
    second: (client) => pushed(client, 'tag-deleted'),
  },
  {
    ...{ name: 'manifest-deleted', method: 'DELETE', holds: image.manifest.digest },
    key: `_manifests/revisions/sha256/${hexOf(image.manifest.digest)}/link`,
    first: (client) => deleted(client.deleteManifest('manifest-deleted', image.manifest.digest)),
    second: (client) => pushed(client, 'manifest-deleted'),
  },
  {
    ...{ name: 'blob-deleted', method: 'DELETE', holds: layer.digest, key: `_layers/sha256/${hexOf(layer.digest)}/link` },
    first: (client) => deleted(client.request('DELETE', `/v2/blob-deleted/blobs/${layer.digest}?force=true`)),
    second: (client) => client.pushBlob('blob-deleted', layer),
  },
  {
    ...{ name: 'tag-moved', method: 'PUT', key: CURRENT, holds: image.manifest.digest },
    first: (client) => pushed(client, 'tag-moved', other),
    second: (client) => pushed(client, 'tag-moved'),
  },
  {
    ...{ name: 'tag-moved-and-deleted', method: 'PUT', key: CURRENT, holds: GONE },
    first: (client) => pushed(client, 'tag-moved-and-deleted', other),
    second: (client) => deleted(client.deleteManifest('tag-moved-and-deleted', 'latest')),
  },
]

describeOnStores('a request that comes late', (store) => {
  let folder: TemporaryFolder
  let proxy: StoreProxy
  let place: S3Place
  let apps: AppInTest[]
  let comes: PromiseWithResolvers<void>

  beforeEach(async () => {
    folder = new TemporaryFolder()
    proxy = await StoreProxy.start(store().endpoint)
    place = await store().newBucket()
    apps = []
    comes = Promise.withResolvers()
  })
  afterEach(async () => {
    comes.resolve()
    await stop()
    await proxy[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  /** A process on the machine of that name. */
  async function startOn(machine: string): Promise<RegistryClient> {
    const { region, accessKey, secretKey, bucket } = place
    const keys = { region, accesskey: accessKey, secretkey: secretKey, bucket, regionendpoint: proxy.endpoint }
    const storage = {
      s3: { ...keys, forcepathstyle: true, secure: false },
      redirect: { disable: true },
      delete: { enabled: true },
    }
    const metadata = { path: folder.join(machine, 'metadata.db') }
    const app = await AppInTest.start(folder, { storage, metadata }, { expiresSeconds: EXPIRES_SECONDS })
    apps.push(app)
    return app.client
  }

  async function stop(): Promise<void> {
    for (const app of apps.splice(0)) await app[Symbol.asyncDispose]()
  }

  async function fill(client: RegistryClient, name: string): Promise<void> {
    for (const each of [image, other]) for (const blob of blobsOf(each)) await client.pushBlob(name, blob)
    await pushed(client, name)
  }

  const keyOf = ({ name, key }: Late) => `docker/registry/v2/repositories/${name}/${key}`

  /** From now on, the first request of each. */
  function delay(late: readonly Late[]): void {
    const waiting = new Set(late)
    proxy.use(({ method, key }) => {
      const found = [...waiting].find((each) => each.method === method && keyOf(each) === key)
      if (found === undefined) return undefined
      waiting.delete(found)
      return { kind: 'deliver-when', said: comes.promise }
    })
  }

  /** What came late, and what the store answered to it. */
  async function answeredLate(): Promise<readonly (number | undefined)[]> {
    comes.resolve()
    await proxy.allDelivered()
    return proxy.seen.filter(({ fault }) => fault === 'deliver-when').map(({ status }) => status)
  }

  async function inBucket(late: Late): Promise<string> {
    const answer = await new S3Client(place).send({ method: 'GET', key: keyOf(late) })
    return answer.status === 404 ? GONE : await answer.text()
  }

  /** Each first request comes when the second one has been acknowledged. */
  async function beLate(one: RegistryClient | undefined, another = one): Promise<void> {
    if (one === undefined || another === undefined) throw new Error('a process was started')
    for (const { name } of LATE) await fill(one, name)
    delay(LATE)
    await Promise.all(
      LATE.map(async ({ first, second }) => {
        await first(one)
        await second(another)
      }),
    )
    expect(await answeredLate()).toEqual(LATE.map(() => 403))
  }

  async function expectAcknowledged(): Promise<void> {
    const fresh = await startOn('a machine with nothing')
    for (const late of LATE) expect([late.name, await inBucket(late)]).toEqual([late.name, late.holds])
    for (const { name, holds } of LATE) {
      await expectStatus(await fresh.headManifest(name, 'latest'), holds === GONE ? 404 : 200)
      await expectStatus(await fresh.headBlob(name, layer.digest), 200)
    }
  }

  describe.each(processCounts('a request that comes late'))('through %d processes', (processes) => {
    test('is refused by the store, and what was acknowledged since is there after a restart without the database', async () => {
      const clients = [await startOn('a machine')]
      if (processes === 2) clients.push(await startOn('a machine'))
      const [one, another] = clients

      await beLate(one, another)

      await stop()
      await expectAcknowledged()
    })
  })

  describeOnPostgres('between two replicas', (server) => {
    test('is refused by the store, and what the other one has acknowledged since is there without PostgreSQL', async () => {
      {
        const bucket = { ...place, endpoint: proxy.endpoint }
        await using replicas = await Replicas.start(2, { bucket, server: server() })
        const [one, another] = replicas.all

        await beLate(one?.client, another?.client)
      }
      await expectAcknowledged()
    })
  })

  test.each([
    ['an hour ahead', 60 * 60_000],
    ['an hour behind', -60 * 60_000],
  ])('is told by the clock of the store, so that changes work where the clock here is %s', async (_, aheadMs) => {
    const { now } = Date
    using _clock = spyOn(Date, 'now').mockImplementation(() => now() + aheadMs)
    const client = await startOn('a machine')

    for (const { name } of LATE) await fill(client, name)
    for (const { first, second } of LATE) {
      await first(client)
      await second(client)
    }

    expect(proxy.seen.filter(({ action, status }) => action === 'DeleteObject' && (status ?? 500) >= 300)).toHaveLength(1)
  })

  test('is refused by the store when its machine was stopped meanwhile, and another one took over and acknowledged', async () => {
    const late = LATE[0]
    if (late === undefined) throw new Error('there is none')
    const first = await startOn('the first machine')
    await fill(first, late.name)
    delay([late])

    const isLate = proxy.next('deliver-when')
    // The client does not hear what came of it.
    const sent = late.first(first).catch(() => undefined)
    await isLate
    await Promise.all([stop(), sent])
    const second = await startOn('the second machine')
    await late.second(second)

    expect(await answeredLate()).toEqual([403])
    expect(await inBucket(late)).toBe(late.holds)
    await stop()
    const third = await startOn('the third machine')
    await expectStatus(await third.headManifest(late.name, 'latest'), 200)
  })
})
