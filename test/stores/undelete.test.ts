import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { type OpenedMetadata, openMetadata } from '../../src/metadata/sqlite/open.ts'
import { ownWork } from '../../src/observe/actor.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { metadataLedger } from '../../src/opening/upload-ledger.ts'
import { type ContentGone, Undeletion } from '../../src/registry/deleting/undeletion.ts'
import { createRegistry, type Registry } from '../../src/registry/registry.ts'
import { layout } from '../../src/storage/layout.ts'
import { S3Driver } from '../../src/storage/s3/s3.ts'
import { pushImage } from '../collect/rows/row.ts'
import { HandlerClient } from '../support/berth-in-process.ts'
import { handlerOf } from '../support/handler-of.ts'
import { blobsOf, makeImage, makeImageIndex } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { expectStatus } from '../support/registry-client.ts'
import type { S3Place } from '../support/s3-client.ts'
import { bucketOf, s3Settings } from '../support/s3-storage.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)
const app = parseRepositoryName('app')
const signal = new AbortController().signal
const children = [makeImage('app', { layers: 1 }), makeImage('app', { layers: 1, architecture: 'arm64' })] as const
const index = makeImageIndex([...children])
const digests = [index.manifest, ...children.map(({ manifest }) => manifest)].map(({ digest }) => parseDigest(digest))

interface Berth {
  readonly opened: OpenedMetadata
  readonly driver: S3Driver
  readonly registry: Registry
  readonly client: HandlerClient
}

describeOnStores('what was deleted from a bucket', (store) => {
  let folder: TemporaryFolder
  let place: S3Place
  let berth: Berth

  beforeEach(async () => {
    folder = new TemporaryFolder()
    place = await store().newBucket()
    berth = await open('first')
    for (const child of children) await pushImage(berth.client, child, child.manifest.digest)
    await expectStatus(await berth.client.putManifest('app', 'multi', index.manifest), 201)
    for (const digest of digests) await expectStatus(await berth.client.deleteManifest('app', digest), 202)
    await close()
    berth = await open('a database of its own')
    await berth.registry.backgroundScan.run(signal)
  })
  afterEach(async () => {
    await close()
    folder[Symbol.dispose]()
  })

  /** As a process on the bucket is put together, inside the test. */
  async function open(name: string): Promise<Berth> {
    const [path, runDirectory] = [folder.join(`${name}.db`), folder.join('run')]
    const opened = await openMetadata({ path, runDirectory, storeId: async () => 'a store' })
    const { metadata, locks: liveness, processId, epoch } = opened
    const settings = s3Settings(place)
    const parts = { ledger: metadataLedger(metadata), partDirectory: folder.join('parts', processId), owner: processId }
    const driver = new S3Driver({ settings, bucket: bucketOf(settings), ...parts })
    const uploadPurging = { enabled: false, ageMs: 0, intervalMs: 0, dryRun: false }
    const log = new RecordedLog()
    const registry = createRegistry({ storage: driver, metadata, liveness, processId, epoch, uploadPurging, log })
    return { opened, driver, registry, client: new HandlerClient(handlerOf(registry, log)) }
  }

  async function close(): Promise<void> {
    await berth.registry.operations.finish()
    await berth.driver.close()
    await berth.opened.metadata.close()
    berth.opened.locks.release(berth.opened.processId)
  }

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
    await berth.driver.removeOnlyFiles([layout.layerLink(app, missing), layout.blob(missing)])
    await close()
    berth = await open('another one')
    await berth.registry.backgroundScan.run(signal)

    const gone = await undelete()

    expect(gone.map((each) => each.missing)).toEqual([[missing], [missing]])
    expect((await berth.client.getManifest('app', 'multi')).status).toBe(404)
    await expectStatus(await berth.client.getManifest('app', children[1].manifest.digest), 200)
    expect(await records()).toHaveLength(2)
  })
})
