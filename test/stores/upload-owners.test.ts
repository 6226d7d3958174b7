import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { type OpenedMetadata, openMetadata } from '../../src/metadata/sqlite/open.ts'
import { metadataLedger } from '../../src/opening/upload-ledger.ts'
import { createRegistry, type Registry } from '../../src/registry/registry.ts'
import type { Bucket } from '../../src/storage/s3/bucket.ts'
import { S3Driver } from '../../src/storage/s3/s3.ts'
import { UploadGoneError } from '../../src/storage/storage-errors.ts'
import { HandlerClient } from '../support/berth-in-process.ts'
import { handlerOf } from '../support/handler-of.ts'
import { fixedBytes } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import type { S3Place } from '../support/s3-client.ts'
import { bucketOf, s3Settings } from '../support/s3-storage.ts'
import { StreamedBody } from '../support/streamed-body.ts'
import { storm } from '../support/takeover-storm.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** On a bucket the ledger owns what uploads have put there; a process owns what is on its way. */

setDefaultTimeout(300_000)
const MIB = 1024 * 1024
const GONE_WITHIN_MS = 90_000

interface Berth {
  readonly opened: OpenedMetadata
  readonly driver: S3Driver
  readonly registry: Registry
  readonly client: HandlerClient
}

describeOnStores('uploads on a bucket', (store) => {
  let folder: TemporaryFolder
  let place: S3Place
  let bucket: Bucket
  let one: Berth
  let other: Berth
  /** A busy store left a request without an answer, and may do it after Berth has repeated it, or given it up. */
  let isLate: boolean

  beforeEach(async () => {
    folder = new TemporaryFolder()
    isLate = false
    place = await store().newBucket()
    bucket = bucketOf(s3Settings(place))
    one = await open()
    other = await open()
  })
  afterEach(async () => {
    for (const { opened, driver, registry } of [one, other]) {
      await registry.operations.finish()
      await driver.close()
      await opened.metadata.close()
      opened.locks.release(opened.processId)
    }
    folder[Symbol.dispose]()
  })

  /** As a process on the bucket is put together, inside the test. */
  async function open(): Promise<Berth> {
    const runDirectory = folder.join('run')
    const opened = await openMetadata({ path: folder.join('metadata.db'), runDirectory, storeId: async () => 'a store' })
    const { metadata, locks: liveness, processId, epoch } = opened
    const ledger = metadataLedger(metadata)
    const settings = s3Settings(place)
    const partDirectory = folder.join('parts', processId)
    const watched = bucketOf(settings, ({ status }) => {
      isLate ||= status === undefined
    })
    const driver = new S3Driver({ settings, bucket: watched, ledger, partDirectory, owner: processId })
    const uploadPurging = { enabled: false, ageMs: 0, intervalMs: 0, dryRun: false }
    const log = new RecordedLog()
    const registry = createRegistry({ storage: driver, metadata, liveness, processId, epoch, uploadPurging, log })
    return { opened, driver, registry, client: new HandlerClient(handlerOf(registry, log)) }
  }

  /** What uploads have in the bucket and in the ledger. */
  async function left() {
    const keys: string[] = []
    for await (const { key } of bucket.listAll('berth/uploads')) keys.push(key)
    const { read } = other.opened.metadata
    return {
      keys,
      multiparts: await bucket.listMultiparts(''),
      uploads: await other.driver.listUploads(),
      parts: await read.all('SELECT state FROM object_part'),
      sessions: await read.all('SELECT id FROM upload'),
    }
  }

  /** What is removed in the background is waited for; what came late is found by the look that each process makes now and then. */
  async function expectNothing(): Promise<void> {
    const isEmpty = async () => {
      if (isLate) for (const { registry } of [one, other]) await registry.orphans.run()
      return Object.values(await left()).every((found) => found.length === 0) ? true : undefined
    }
    await poll('nothing to be left', GONE_WITHIN_MS, isEmpty).catch(() => undefined)
    expect(await left()).toEqual({ keys: [], multiparts: [], uploads: [], parts: [], sessions: [] })
  }

  test('after a storm of takeovers, aborts and cancels nothing is left in the bucket or the ledger', async () => {
    const clients = [one.client, one.client, other.client]

    const statuses = await storm({ clients, sessions: 3, takeovers: 4, chunkBytes: 3 * MIB, seed: 4 })

    // 503: the store was busy for longer than Berth tries.
    expect(statuses.filter((status) => ![202, 204, 400, 404, 416, 503].includes(status))).toEqual([])
    await expectNothing()
  })

  test('a PATCH whose session is cancelled meanwhile hears that it is unknown, and what it sent goes', async () => {
    const location = await one.client.startUpload('app')
    const body = new StreamedBody()
    const patch = one.client.request('PATCH', location, { body: body.stream })
    body.send(fixedBytes(6 * MIB))
    await poll('a part', GONE_WITHIN_MS, async () => ((await left()).parts.length > 0 ? true : undefined))

    expect((await other.client.request('DELETE', location)).status).toBe(204)
    body.send(fixedBytes(6 * MIB))
    body.end()

    expect((await patch).status).toBe(404)
    await expectNothing()
  })

  test('what a process that was killed had begun goes when another one looks', async () => {
    const location = await one.client.startUpload('app')
    const [session, direct] = [new StreamedBody(), new StreamedBody()]
    const digest = `sha256:${'0'.repeat(64)}`
    const requests = [
      one.client.request('PATCH', location, { body: session.stream }),
      one.client.request('POST', `/v2/app/blobs/uploads/?digest=${digest}`, { body: direct.stream }),
    ]
    for (const body of [session, direct]) body.send(fixedBytes(6 * MIB))
    await poll('both to have sent a part', GONE_WITHIN_MS, async () => ((await left()).parts.length >= 2 ? true : undefined))
    one.opened.locks.release(one.opened.processId)

    await other.client.request('DELETE', location)
    await other.registry.orphans.run()

    await expectNothing()
    for (const body of [session, direct]) body.breakOff()
    await Promise.allSettled(requests)
    await expectNothing()
  })

  test('the ledger takes nothing more for an upload that has ended', async () => {
    const ledger = metadataLedger(other.opened.metadata)
    const writer = await other.driver.beginUpload()
    await other.driver.abortUpload(writer.state)

    await expect(ledger.addPart(writer.state, { number: 1, etag: 'x' })).rejects.toThrow(UploadGoneError)
    await expect(ledger.addPiece(writer.state, { key: 'x', start: 0, length: 1 })).rejects.toThrow(UploadGoneError)
    await expect(ledger.setMultipart(writer.state, { key: 'x', uploadId: 'x' })).rejects.toThrow(UploadGoneError)
    await writer.close()
  })
})
