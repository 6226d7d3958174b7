import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { type OpenedMetadata, openMetadata } from '../../src/metadata/sqlite/open.ts'
import { metadataLedger } from '../../src/opening/upload-ledger.ts'
import { createRegistry, type Registry } from '../../src/registry/registry.ts'
import { NO_POLICY } from '../../src/registry/retention/retention-policy.ts'
import { storagePath } from '../../src/storage/driver.ts'
import { berthLayout } from '../../src/storage/layout.ts'
import { S3Driver } from '../../src/storage/s3/s3.ts'
import { pushImage } from '../collect/rows/row.ts'
import { HandlerClient } from '../support/berth-in-process.ts'
import { DAY_MS } from '../support/collecting.ts'
import { handlerOf } from '../support/handler-of.ts'
import { type Image, makeImage } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { expectStatus } from '../support/registry-client.ts'
import { ruleOf } from '../support/retention-rule.ts'
import type { S3Place } from '../support/s3-client.ts'
import { bucketOf, s3Settings } from '../support/s3-storage.ts'
import { movesOf } from '../support/tag-past.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)
const signal = new AbortController().signal
const [one, two, three] = ['one', 'two', 'three'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image, Image]
const [first, second] = [one.manifest.digest, two.manifest.digest]
const retention = { ...NO_POLICY, rules: [ruleOf('**', '*', { moves: 2 })], untaggedMs: DAY_MS }

interface Berth {
  readonly opened: OpenedMetadata
  readonly driver: S3Driver
  readonly registry: Registry
  readonly client: HandlerClient
}

describeOnStores('the history of a tag in a bucket', (store) => {
  let folder: TemporaryFolder
  let place: S3Place
  let berth: Berth

  beforeEach(async () => {
    folder = new TemporaryFolder()
    place = await store().newBucket()
    berth = await open('first')
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
    const registry = createRegistry({ storage: driver, metadata, liveness, processId, epoch, uploadPurging, retention, log })
    return { opened, driver, registry, client: new HandlerClient(handlerOf(registry, log)) }
  }

  async function close(): Promise<void> {
    await berth.registry.operations.finish()
    await berth.driver.close()
    await berth.opened.metadata.close()
    berth.opened.locks.release(berth.opened.processId)
  }

  async function loseDatabase(): Promise<void> {
    await close()
    berth = await open('a database of its own')
    await berth.registry.backgroundScan.run(signal)
  }

  const push = async (image: Image, tag = 'v1') => await pushImage(berth.client, image, tag)
  const flush = async () => await berth.registry.history.flush(signal)

  test('is there after the database is lost, of a deleted tag too, and what waited for its place by its time', async () => {
    await push(one)
    await push(one, 'old')
    await flush()
    await expectStatus(await berth.client.deleteManifest('app', 'old'), 202)
    await flush()
    await push(two)
    const before = await movesOf(berth, 'app', 'v1')

    await loseDatabase()

    expect(before).toEqual([`${first} manifest push`, `${second} manifest push`])
    expect(await movesOf(berth, 'app', 'v1')).toEqual([`${first} manifest push`, `${second} not recorded`])
    expect(await movesOf(berth, 'app', 'old')).toEqual([`${first} manifest push`, 'deleted tag delete'])
  })

  test('is put together into one object for a day, in which nothing is lost or doubled', async () => {
    const expected: string[] = []
    for (const image of [one, two, one]) {
      await push(image)
      expected.push(`${image.manifest.digest} manifest push`)
      await flush()
    }
    const objects = async () => {
      const [day = ''] = await berth.driver.list(berthLayout.history)
      return (await berth.driver.list(storagePath(berthLayout.history, day))).length
    }
    const before = await objects()

    await berth.registry.history.tidy([Date.now()], signal)

    expect([before, await objects()]).toEqual([3, 1])
    expect(await movesOf(berth, 'app', 'v1')).toEqual(expected)
  })

  test('keeps the last images of a tag by a rule, by the index in the bucket where the records are lost', async () => {
    for (const image of [one, two, three]) await push(image)
    await flush()
    const recorded = await reasons()
    await berth.driver.remove(berthLayout.history)
    await loseDatabase()

    expect(Object.fromEntries(recorded)).toEqual({ [first]: 'untagged unknown', [second]: 'moved away' })
    // The order of pushes within some seconds is not told by the times of objects: then all of them stay.
    expect((await reasons()).get(second)).toBe('moved away')
  })

  /** Why each manifest without a tag stays. */
  async function reasons(): Promise<ReadonlyMap<string, string>> {
    const { scan, retention } = berth.registry
    const look = retention.look({ names: () => scan.ensureNames(), repository: (name) => scan.ensureScanned(name) })
    const found = new Map<string, string>()
    for await (const { untagged } of look.repositories(signal))
      for (const { about, because } of untagged) found.set(about.digest, because.kind)
    return found
  }
})
