import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import type { CollectorPolicy } from '../../src/registry/collect/policy.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { IMPATIENT_POLICY } from '../support/collecting.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { S3Client, type S3Place } from '../support/s3-client.ts'
import { StoreProxy } from '../support/store-proxy.ts'
import { bytesPath, filesInBucket } from '../support/stored-files.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** A request that was answered, and that a proxy delivers again while its signature is good: docs/decisions/0036-repeated-requests.md. */

setDefaultTimeout(120_000)
/** In earnest 15: so long have the requests of a case, on a machine that does much else. */
const EXPIRES_SECONDS = 12
/** A push waits for it. */
const SOON_SECONDS = 3
const MADE_AGAIN = 'a request to the object store was delivered twice and undid a later change, which is made again'
const [image, other] = [makeImage('first', { layers: 1 }), makeImage('second', { layers: 1 })]
const layer = image.layers[0] ?? image.config
const GONE = 'gone'
const COLLECTED_MS = 60_000

interface Repeated {
  /** Also the repository. */
  readonly name: string
  /** The first request of this method for a key that ends so comes again. */
  readonly method: 'DELETE' | 'PUT'
  readonly key: string
  /** What is there before: a tag, or nothing. */
  readonly before?: typeof image
  /** Sends it. */
  readonly first: (client: RegistryClient) => Promise<unknown>
  /** What is acknowledged before it comes again. */
  readonly second: (client: RegistryClient) => Promise<unknown>
  /** What is at the key when it has come, and in the end. */
  readonly undone: string
  readonly holds: string
}

const hexOf = (digest: string) => digest.slice('sha256:'.length)
const CURRENT = '_manifests/tags/latest/current/link'
const INDEX = `_manifests/tags/latest/index/sha256/${hexOf(image.manifest.digest)}/link`
const REVISION = `_manifests/revisions/sha256/${hexOf(image.manifest.digest)}/link`
const LINK = `_layers/sha256/${hexOf(layer.digest)}/link`

/** Fills its repository, and sends the changes to it. */
const pushed =
  (name: string, { manifest } = image) =>
  async (client: RegistryClient) =>
    await expectStatus(await client.putManifest(name, 'latest', manifest), 201)
const tagDeleted = (name: string) => async (client: RegistryClient) =>
  await expectStatus(await client.deleteManifest(name, 'latest'), 202)
const manifestDeleted = (name: string) => async (client: RegistryClient) =>
  await expectStatus(await client.deleteManifest(name, image.manifest.digest), 202)
const blobPushed = (name: string) => async (client: RegistryClient) => await client.pushBlob(name, layer)
const blobDeleted = (name: string) => async (client: RegistryClient) =>
  await expectStatus(await client.request('DELETE', `/v2/${name}/blobs/${layer.digest}?force=true`), 202)

const PUSHED = image.manifest.digest
const REPEATED: readonly Repeated[] = [
  {
    ...{ name: 'tag-moved', method: 'PUT', key: CURRENT, undone: other.manifest.digest, holds: PUSHED },
    ...{ first: pushed('tag-moved', other), second: pushed('tag-moved') },
  },
  {
    ...{ name: 'tag-made-and-deleted', method: 'PUT', key: CURRENT, undone: PUSHED, holds: GONE },
    ...{ first: pushed('tag-made-and-deleted'), second: tagDeleted('tag-made-and-deleted') },
  },
  {
    ...{ name: 'index-made-and-deleted', method: 'PUT', key: INDEX, undone: PUSHED, holds: GONE },
    ...{ first: pushed('index-made-and-deleted'), second: tagDeleted('index-made-and-deleted') },
  },
  {
    ...{ name: 'manifest-made-and-deleted', method: 'PUT', key: REVISION, undone: PUSHED, holds: GONE },
    ...{ first: pushed('manifest-made-and-deleted'), second: manifestDeleted('manifest-made-and-deleted') },
  },
  {
    ...{ name: 'link-made-and-deleted', method: 'PUT', key: LINK, undone: layer.digest, holds: GONE },
    ...{ first: blobPushed('link-made-and-deleted'), second: blobDeleted('link-made-and-deleted') },
  },
  {
    ...{ name: 'tag-made-again', method: 'DELETE', key: CURRENT, before: image, undone: GONE, holds: PUSHED },
    ...{ first: tagDeleted('tag-made-again'), second: pushed('tag-made-again') },
  },
  {
    ...{ name: 'index-made-again', method: 'DELETE', key: INDEX, before: image, undone: GONE, holds: PUSHED },
    ...{ first: tagDeleted('index-made-again'), second: pushed('index-made-again') },
  },
  {
    ...{ name: 'manifest-made-again', method: 'DELETE', key: REVISION, before: image, undone: GONE, holds: PUSHED },
    ...{ first: manifestDeleted('manifest-made-again'), second: pushed('manifest-made-again') },
  },
  {
    ...{ name: 'link-made-again', method: 'DELETE', key: LINK, before: image, undone: GONE, holds: layer.digest },
    ...{ first: blobDeleted('link-made-again'), second: blobPushed('link-made-again') },
  },
]

describeOnStores('an answered request that a proxy delivers again', (store) => {
  let folder: TemporaryFolder
  let proxy: StoreProxy
  let place: S3Place
  let app: AppInTest

  beforeEach(async () => {
    folder = new TemporaryFolder()
    proxy = await StoreProxy.start(store().endpoint)
    place = await store().newBucket()
  })
  afterEach(async () => {
    await app[Symbol.asyncDispose]()
    await proxy[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  async function start(expiresSeconds = EXPIRES_SECONDS, collector?: CollectorPolicy): Promise<AppInTest> {
    const { region, accessKey, secretKey, bucket } = place
    const keys = { region, accesskey: accessKey, secretkey: secretKey, bucket, regionendpoint: proxy.endpoint }
    const storage = {
      s3: { ...keys, forcepathstyle: true, secure: false },
      redirect: { disable: true },
      delete: { enabled: true },
    }
    const metadata = { path: folder.join('metadata.db') }
    return await AppInTest.start(folder, { storage, metadata }, { expiresSeconds, ...(collector && { collector }) })
  }

  const keyOf = ({ name, key }: Repeated) => `docker/registry/v2/repositories/${name}/${key}`

  async function inBucket(repeated: Repeated): Promise<string> {
    const answer = await new S3Client(place).send({ method: 'GET', key: keyOf(repeated) })
    return answer.status === 404 ? GONE : await answer.text()
  }

  async function fill({ name, before }: Repeated): Promise<void> {
    const blobs = [image, other].flatMap((each) => blobsOf(each)).filter((blob) => before !== undefined || blob !== layer)
    for (const blob of blobs) await app.client.pushBlob(name, blob)
    // What a push of the layer names is a part of the case.
    if (before === undefined && !name.startsWith('link-')) await app.client.pushBlob(name, layer)
    if (before !== undefined) await pushed(name, before)(app.client)
  }

  /** Each comes again when the second one has been acknowledged. */
  async function repeat(cases: readonly Repeated[]): Promise<void> {
    const waiting = new Map(cases.map((each) => [keyOf(each), { ...each, comes: Promise.withResolvers<void>() }]))
    const comes = [...waiting.values()].map((each) => each.comes)
    for (const each of cases) await fill(each)
    proxy.use(({ method, key }) => {
      const found = waiting.get(key)
      if (found?.method !== method) return undefined
      waiting.delete(key)
      return { kind: 'repeat-when', said: found.comes.promise }
    })
    await Promise.all(
      cases.map(async ({ first, second }, index) => {
        await first(app.client)
        await second(app.client)
        comes[index]?.resolve()
      }),
    )
    await proxy.allDelivered()
    expect(waiting.size).toBe(0)
  }

  test('undoes a change for a while: the bucket says what was acknowledged when no such request can come any more', async () => {
    app = await start()
    await repeat(REPEATED)
    for (const each of REPEATED) expect([each.name, await inBucket(each)]).toEqual([each.name, each.undone])

    for (const { name } of REPEATED)
      await app.log.line(({ message, fields }) => message === MADE_AGAIN && fields.repository === name)

    for (const each of REPEATED) expect([each.name, await inBucket(each)]).toEqual([each.name, each.holds])
  })

  test('is no reason to undo what another registry wrote, when all processes had ended', async () => {
    app = await start()
    const moved = REPEATED.filter(({ name }) => name === 'tag-moved')
    await repeat(moved)
    await app.stop()
    for (const each of moved) await new S3Client(place).put(keyOf(each), other.manifest.digest)

    app = await start()

    const pulled = await expectStatus(await app.client.headManifest('tag-moved', 'latest'), 200)
    expect(pulled.headers.get('docker-content-digest')).toBe(other.manifest.digest)
    expect(await Promise.all(moved.map(inBucket))).toEqual([other.manifest.digest])
  })

  test('takes no bytes that were pushed since: a push of what the collector has just removed waits', async () => {
    app = await start(SOON_SECONDS, IMPATIENT_POLICY)
    const path = bytesPath(hexOf(layer.digest))
    const isThere = async () => (await filesInBucket(place)).paths.has(path)
    proxy.use(({ method, key }) =>
      method === 'DELETE' && key.endsWith(path) ? { kind: 'deliver-again', afterMs: 1_500, isLost: false } : undefined,
    )
    await app.client.pushBlob('bytes', layer)
    await poll('it is collected', COLLECTED_MS, async () => ((await isThere()) ? undefined : true))

    await app.client.pushBlob('bytes', layer)
    await proxy.allDelivered()

    expect(proxy.seen.filter(({ fault }) => fault === 'deliver-again')).not.toEqual([])
    expect(await isThere()).toBe(true)
  })
})
