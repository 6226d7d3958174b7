import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { startBerth } from '../support/berth-process.ts'
import { contentOf, fixedBytes, makeImage } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { startPeer } from '../support/peer.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import type { RegistryProcess, ServeOptions } from '../support/registry-process.ts'
import { takeCountsOf } from '../support/store-counts.ts'
import { StoreProxy } from '../support/store-proxy.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** What a layer and a manifest cost in requests to the store, counted by a proxy before it; the figures are in docs/storage.md. */

setDefaultTimeout(300_000)
const MIB = 1024 * 1024

describeOnStores('requests to the store', (store) => {
  let folder: TemporaryFolder
  let proxy: StoreProxy
  let berth: RegistryProcess
  let client: RegistryClient
  let number = 0

  beforeAll(async () => {
    folder = new TemporaryFolder()
    proxy = await StoreProxy.start(store().endpoint)
    const bucket = await store().newBucket()
    // Layers are read when there is time, which may fall into any later request.
    const adapt = (config: string) => config.replace('storage:\n', 'storage:\n  maintenance: {layers: {enabled: false}}\n')
    berth = await startBerth({ folder, dataDirectory: { ...bucket, endpoint: proxy.endpoint }, adapt })
    client = new RegistryClient(berth.url)
    await quiet()
  })
  afterAll(async () => {
    await berth.stop()
    await proxy[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  /** Waits until nothing more comes: the scan of the start, and deletes that nobody waits for. */
  async function quiet(): Promise<void> {
    await poll('the store is left alone', 60_000, async () => {
      const before = proxy.seen.length
      await Bun.sleep(300)
      const isAnswered = proxy.seen.every(({ status }) => status !== undefined)
      return (isAnswered && proxy.seen.length === before) || undefined
    })
  }

  /** How many requests something costs, by their kind. */
  async function requestsFor(work: () => Promise<void>): Promise<Readonly<Record<string, number>>> {
    await quiet()
    proxy.takeCounts()
    await work()
    await quiet()
    return takeCountsOf(proxy)
  }

  function newLayer(bytes: number) {
    number += 1
    const content = fixedBytes(bytes)
    new DataView(content.buffer).setUint32(0, number)
    return contentOf('application/octet-stream', content)
  }

  async function patch(layer: ReturnType<typeof newLayer>, digest = layer.digest): Promise<void> {
    const location = await client.appendUpload(await client.startUpload('app'), layer.bytes)
    await expectStatus(await client.closeUpload(location, digest), 201)
  }

  test('a layer by POST and PUT takes 2, one of three parts 6', async () => {
    const small = await requestsFor(() => client.pushBlob('app', newLayer(3000)))
    const large = await requestsFor(() => client.pushBlob('app', newLayer(25 * MIB)))

    expect(small).toEqual({ PutObject: 2 })
    expect(large).toEqual({
      ...{ CreateMultipartUpload: 1, UploadPart: 3, CompleteMultipartUpload: 1 },
      PutObject: 1,
    })
  })

  test('a layer by POST, PATCH and PUT takes 4', async () => {
    expect(await requestsFor(() => patch(newLayer(3000)))).toEqual({
      PutObject: 2,
      CopyObject: 1,
      DeleteObject: 1,
    })
  })

  test('an empty layer takes 2', async () => {
    const empty = contentOf('application/octet-stream', new Uint8Array())

    expect(await requestsFor(() => client.pushBlob('app', empty))).toEqual({ PutObject: 2 })
  })

  test('a layer that is there already takes 2 and none of its bytes', async () => {
    const layer = newLayer(3000)
    await client.pushBlob('app', layer)

    expect(await requestsFor(() => client.pushBlob('other', layer))).toEqual({ HeadObject: 1, PutObject: 1 })
  })

  test('a manifest with a tag takes one for each of its three links and itself, a look at each blob, and a read of its config', async () => {
    const image = makeImage('requests', { layers: 2 })
    for (const blob of [image.config, ...image.layers]) await client.pushBlob('app', blob)

    const pushed = await requestsFor(async () => {
      await expectStatus(await client.putManifest('app', 'latest', image.manifest), 201)
    })

    expect(pushed).toEqual({ HeadObject: 3, GetObject: 1, PutObject: 4 })
  })

  test('the DELETE of a layer takes a look at it and one delete', async () => {
    const layer = newLayer(3000)
    await client.pushBlob('app', layer)

    const deleted = await requestsFor(async () => {
      await expectStatus(await client.deleteBlob('app', layer.digest), 202)
    })

    expect(deleted).toEqual({ HeadObject: 1, DeleteObject: 1 })
  })

  test('the DELETE of a tag, and of a manifest with a tag, takes one more for the record by which it can be undone, and one for each name that may be held', async () => {
    const image = makeImage('deleted', { layers: 1 })
    for (const blob of [image.config, ...image.layers]) await client.pushBlob('deleted', blob)
    for (const tag of ['v1', 'v2']) await expectStatus(await client.putManifest('deleted', tag, image.manifest), 201)
    const deletion = (reference: string) => async () =>
      void (await expectStatus(await client.deleteManifest('deleted', reference), 202))

    const ofTag = await requestsFor(deletion('v1'))
    const ofManifest = await requestsFor(deletion(image.manifest.digest))

    expect([ofTag, ofManifest]).toEqual([
      { GetObject: 1, PutObject: 1, ListObjectsV2: 1, DeleteObject: 2 },
      { GetObject: 2, PutObject: 1, ListObjectsV2: 2, DeleteObject: 3 },
    ])
  })

  test('a pulled layer takes 2, a pulled manifest none, a list none', async () => {
    const layer = newLayer(2 * MIB)
    await client.pushBlob('app', layer)

    const pulled = await requestsFor(async () => {
      expect((await (await client.getBlob('app', layer.digest)).bytes()).length).toBe(layer.bytes.length)
    })
    const read = await requestsFor(async () => {
      await expectStatus(await client.getManifest('app', 'latest'), 200)
      await expectStatus(await client.request('GET', '/v2/app/tags/list'), 200)
      await expectStatus(await client.request('GET', '/v2/_catalog'), 200)
    })

    expect(pulled).toEqual({ HeadObject: 1, GetObject: 1 })
    expect(read).toEqual({})
  })

  test('registry:2 takes more than 20 for a small layer', async () => {
    const bucket = await store().newBucket()
    const serving: ServeOptions = { folder, dataDirectory: { ...bucket, endpoint: proxy.endpoint } }
    await using peer = await startPeer(serving)
    const peers = new RegistryClient(peer.url)
    const layer = newLayer(3000)

    const counts = await requestsFor(async () => {
      const location = await peers.appendUpload(await peers.startUpload('app'), layer.bytes)
      await expectStatus(await peers.closeUpload(location, layer.digest), 201)
    })

    const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
    process.stderr.write(`registry:2 took ${total} requests for a small layer: ${JSON.stringify(counts)}\n`)
    expect(total).toBeGreaterThan(20)
  })
})
