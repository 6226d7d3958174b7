import { expect, setDefaultTimeout, test } from 'bun:test'
import { BucketBerth } from '../support/bucket-berth.ts'
import { contentOf, fixedBytes } from '../support/images.ts'
import { describeOnStoresAtOnce } from '../support/object-store.ts'
import { RegistryClient } from '../support/registry-client.ts'
import type { FaultRule } from '../support/store-faults.ts'
import { StoreProxy } from '../support/store-proxy.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(300_000)
const LAYER = contentOf('application/octet-stream', fixedBytes(300_000))
const ARRIVED = 100_000

/**
 * The connection of a plain PUT ends in its body, as it does when its sender is killed. versitygw keeps what has arrived, unless the
 * request says what it should be.
 */
describeOnStoresAtOnce('a layer of which only a part has reached the store', (store) => {
  test('is not there: neither when the push has failed, nor when Berth was killed; and can be pushed again', async () => {
    using folder = new TemporaryFolder()
    const place = await store().newBucket()
    await using proxy = await StoreProxy.start(place.endpoint)
    const berth = await BucketBerth.start({ folder, place: { ...place, endpoint: proxy.endpoint } })
    const client = () => new RegistryClient(berth.url)

    proxy.use(tornBlobs())
    const pushed = await client().closeUpload(await client().startUpload('app'), LAYER.digest, LAYER.bytes)
    const afterFailure = await client().headBlob('app', LAYER.digest)
    await berth.kill()
    await berth.restart()
    const afterKill = await client().headBlob('app', LAYER.digest)
    proxy.use()
    await client().pushBlob('app', LAYER)
    const pulled = await client().getBlob('app', LAYER.digest)

    expect([pushed.status, afterFailure.status, afterKill.status]).toEqual([503, 404, 404])
    expect(await pulled.bytes()).toEqual(LAYER.bytes)
    await berth.stop()
  })

  test('is not there after Berth was killed in the middle of it', async () => {
    using folder = new TemporaryFolder()
    const place = await store().newBucket()
    await using proxy = await StoreProxy.start(place.endpoint)
    const berth = await BucketBerth.start({ folder, place: { ...place, endpoint: proxy.endpoint } })
    const client = () => new RegistryClient(berth.url)
    proxy.use(tornBlobs())

    const location = await client().startUpload('app')
    const push = client()
      .closeUpload(location, LAYER.digest, LAYER.bytes)
      .catch(() => undefined)
    while (!proxy.seen.some(({ fault }) => fault === 'cut-request')) await Bun.sleep(5)
    await berth.kill()
    await berth.restart()
    await push
    proxy.use()
    const [head, whole] = [await client().headBlob('app', LAYER.digest), await client().getBlob('app', LAYER.digest)]

    expect([head.status, whole.status]).toEqual([404, 404])
    await client().pushBlob('app', LAYER)
    expect(await (await client().getBlob('app', LAYER.digest)).bytes()).toEqual(LAYER.bytes)
    await berth.stop()
  })
})

function tornBlobs(): FaultRule {
  return ({ action, key }) =>
    action === 'PutObject' && key.endsWith('/data') ? { kind: 'cut-request', afterBytes: ARRIVED } : undefined
}
