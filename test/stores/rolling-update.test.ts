import { expect, setDefaultTimeout, test } from 'bun:test'
import { expectError } from '../support/answers.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { IMPATIENT_POLICY } from '../support/collecting.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'
import { expectStatus } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(180_000)
const SOON_MS = 90_000
const image = makeImage('built during the update', { layers: 1 })
const [layer = image.config] = image.layers

describeOnStores('a rolling update', (store) => {
  test('of a registry that collects: a client that the new machine told of a layer which the old one then removed is refused its manifest, and pushes again', async () => {
    using folder = new TemporaryFolder()
    const { endpoint: regionendpoint, region, accessKey: accesskey, secretKey: secretkey, bucket } = await store().newBucket()
    const s3 = { region, accesskey, secretkey, bucket, regionendpoint, forcepathstyle: true, secure: false }
    const startOn = async (machine: string, presencePace: number) =>
      await AppInTest.start(
        folder,
        { storage: { s3, redirect: { disable: true } }, metadata: { path: folder.join(machine, 'metadata.db') } },
        { expiresSeconds: 3, presencePace, collector: IMPATIENT_POLICY },
      )
    const old = await startOn('the old machine', 1 / 6)
    for (const blob of blobsOf(image)) await old.client.pushBlob('app', blob)
    // It gives up when the old one is still there after a minute and a half, times its pace.
    await using young = await startOn('the new machine', 1)
    await expectStatus(await young.client.headBlob('app', layer.digest), 200)

    await poll('the old machine removes it', SOON_MS, async () => {
      return (await young.client.headBlob('app', layer.digest)).status === 404 ? true : undefined
    })
    await old[Symbol.asyncDispose]()
    const answer = await poll('the new machine takes over', SOON_MS, async () => {
      const refused = await young.client.putManifest('app', 'latest', image.manifest)
      return refused.status === 503 ? undefined : refused
    })
    await expectError(answer, 400, 'MANIFEST_BLOB_UNKNOWN')
    for (const blob of blobsOf(image)) await young.client.pushBlob('app', blob)
    await expectStatus(await young.client.putManifest('app', 'latest', image.manifest), 201)

    for (const { digest, bytes } of blobsOf(image))
      expect(await (await expectStatus(await young.client.getBlob('app', digest), 200)).bytes()).toEqual(bytes)
  })
})
