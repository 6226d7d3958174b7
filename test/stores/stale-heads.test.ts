import { expect, setDefaultTimeout, test } from 'bun:test'
import { AppInTest } from '../support/app-in-test.ts'
import { IMPATIENT_POLICY } from '../support/collecting.ts'
import { contentOf, fixedBytes } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'
import { expectStatus } from '../support/registry-client.ts'
import { StoreProxy } from '../support/store-proxy.ts'
import { bytesPath, filesInBucket } from '../support/stored-files.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(180_000)
const SOON_MS = 90_000
/** A push of what was collected waits for so long, and a little more; in earnest 15. */
const EXPIRES_SECONDS = 3
const layer = contentOf('application/octet-stream', fixedBytes(3_000))
const path = bytesPath(layer.digest.slice('sha256:'.length))

describeOnStores('a store whose HEAD tells of an object for a while after its removal', (store) => {
  test('keeps no push from writing a layer that was collected', async () => {
    using folder = new TemporaryFolder()
    const place = await store().newBucket()
    await using proxy = await StoreProxy.start(place.endpoint)
    const { region, accessKey: accesskey, secretKey: secretkey, bucket } = place
    const s3 = { region, accesskey, secretkey, bucket, regionendpoint: proxy.endpoint, forcepathstyle: true, secure: false }
    const sections = { storage: { s3, redirect: { disable: true } }, metadata: { path: folder.join('metadata.db') } }
    await using app = await AppInTest.start(folder, sections, { collector: IMPATIENT_POLICY, expiresSeconds: EXPIRES_SECONDS })
    await app.client.pushBlob('app', layer)
    await poll('it is collected', SOON_MS, async () => ((await filesInBucket(place)).paths.has(path) ? undefined : true))
    proxy.use(({ action, key }) =>
      action === 'HeadObject' && key.endsWith(path) ? { kind: 'say-there', size: layer.bytes.length } : undefined,
    )

    await poll('it is pushed', SOON_MS, async () => {
      const location = await app.client.startUpload('app')
      return (await app.client.closeUpload(location, layer.digest, layer.bytes)).status === 201 ? true : undefined
    })

    proxy.use()
    const pulled = await expectStatus(await app.client.getBlob('app', layer.digest), 200)
    expect(await pulled.bytes()).toEqual(layer.bytes)
  })
})
