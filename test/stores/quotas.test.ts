import { expect, setDefaultTimeout, test } from 'bun:test'
import { expectError } from '../support/answers.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { IMPATIENT_POLICY } from '../support/collecting.ts'
import { blobsOf, contentOf, fixedBytes, makeImage } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'
import { expectStatus } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(180_000)
const SOON_MS = 90_000

describeOnStores('a quota that is full', (store) => {
  test('refuses a layer at its POST and at its PATCH, and takes it when a delete has made room', async () => {
    using folder = new TemporaryFolder()
    const { endpoint: regionendpoint, region, accessKey: accesskey, secretKey: secretkey, bucket } = await store().newBucket()
    const s3 = { region, accesskey, secretkey, bucket, regionendpoint, forcepathstyle: true, secure: false }
    const sections = {
      storage: { s3, redirect: { disable: true }, delete: { enabled: true } },
      metadata: { path: folder.join('metadata.db') },
      quotas: [{ name: 'team', repositories: ['team/**'], limit: '3kB' }],
    }
    await using app = await AppInTest.start(folder, sections, { collector: IMPATIENT_POLICY })
    await app.log.line(({ message }) => message === 'what is known of the storage is counted for the quotas')
    const { client } = app
    const image = makeImage('there first', { layers: 2 })
    for (const blob of blobsOf(image)) await client.pushBlob('team/app', blob)
    await expectStatus(await client.putManifest('team/app', 'v1', image.manifest), 201)
    const layer = contentOf('application/octet-stream', fixedBytes(2_500))
    const post = () => client.request('POST', `/v2/team/new/blobs/uploads/?digest=${layer.digest}`, { body: layer.bytes.slice() })

    const posted = await post()
    const patched = await client.request('PATCH', await client.startUpload('team/new'), { body: layer.bytes.slice() })
    for (const refused of [posted, patched]) await expectError(refused, 403, 'DENIED')
    await expectStatus(await client.deleteManifest('team/app', image.manifest.digest), 202)

    await poll('there is room', SOON_MS, async () => ((await post()).status === 201 ? true : undefined))
    const pulled = await expectStatus(await client.getBlob('team/new', layer.digest), 200)
    expect(await pulled.bytes()).toEqual(layer.bytes)
  })
})
