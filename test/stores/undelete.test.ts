import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { ownWork } from '../../src/observe/actor.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { type ContentGone, Undeletion } from '../../src/registry/deleting/undeletion.ts'
import { layout } from '../../src/storage/layout.ts'
import { pushImage } from '../collect/rows/row.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { blobsOf, makeImage, makeImageIndex } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { expectStatus } from '../support/registry-client.ts'
import type { S3Place } from '../support/s3-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(300_000)
const app = parseRepositoryName('app')
const signal = new AbortController().signal
const children = [makeImage('app', { layers: 1 }), makeImage('app', { layers: 1, architecture: 'arm64' })] as const
const index = makeImageIndex([...children])
const digests = [index.manifest, ...children.map(({ manifest }) => manifest)].map(({ digest }) => parseDigest(digest))

describeOnStores('what was deleted from a bucket', (store) => {
  let folder: TemporaryFolder
  let place: S3Place
  let berth: BerthInProcess

  beforeEach(async () => {
    folder = new TemporaryFolder()
    place = await store().newBucket()
    berth = await open('first')
    for (const child of children) await pushImage(berth.client, child, child.manifest.digest)
    await expectStatus(await berth.client.putManifest('app', 'multi', index.manifest), 201)
    for (const digest of digests) await expectStatus(await berth.client.deleteManifest('app', digest), 202)
    await berth.stop()
    berth = await open('a database of its own')
    await berth.scan()
  })
  afterEach(async () => {
    await berth.stop()
    folder[Symbol.dispose]()
  })

  const open = async (name: string) => await BerthInProcess.start({ place, state: folder.join(name) })

  async function undelete(): Promise<ContentGone[]> {
    const gone: ContentGone[] = []
    const { records, restoration } = berth.registry
    const onUnreadable = (path: string) => expect(path).toBe('a record')
    const told = { onRestored: () => undefined, onGone: (each: ContentGone) => gone.push(each), onUnreadable }
    await new Undeletion({ records, restoration, actor: ownWork('test'), signal, ...told }).bringBack({
      kind: 'repository',
      repository: app,
    })
    return gone
  }

  const records = async () => await Array.fromAsync(berth.registry.records.newestFirst(signal, () => undefined))

  test('comes back after the database is lost, an index with its children', async () => {
    expect(await undelete()).toEqual([])

    for (const digest of [...digests, 'multi']) await expectStatus(await berth.client.getManifest('app', digest), 200)
    for (const child of children)
      for (const blob of blobsOf(child)) await expectStatus(await berth.client.getBlob('app', blob.digest), 200)
    expect(await records()).toEqual([])
  })

  test('is refused where a blob has gone, and its record stays', async () => {
    const missing = parseDigest(children[0].config.digest)
    await berth.storage.removeOnlyFiles([layout.layerLink(app, missing), layout.blob(missing)])
    await berth.stop()
    berth = await open('another one')
    await berth.scan()

    const gone = await undelete()

    expect(gone.map((each) => each.missing)).toEqual([[missing], [missing]])
    expect((await berth.client.getManifest('app', 'multi')).status).toBe(404)
    await expectStatus(await berth.client.getManifest('app', children[1].manifest.digest), 200)
    expect(await records()).toHaveLength(2)
  })
})
