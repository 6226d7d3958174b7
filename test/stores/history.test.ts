import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { NO_POLICY } from '../../src/registry/retention/retention-policy.ts'
import { storagePath } from '../../src/storage/driver.ts'
import { berthLayout } from '../../src/storage/layout.ts'
import { pushImage } from '../collect/rows/row.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { DAY_MS } from '../support/collecting.ts'
import { type Image, makeImage } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { expectStatus } from '../support/registry-client.ts'
import { ruleOf } from '../support/retention-rule.ts'
import type { S3Place } from '../support/s3-client.ts'
import { movesOf } from '../support/tag-past.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(300_000)
const signal = new AbortController().signal
const [one, two, three] = ['one', 'two', 'three'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image, Image]
const [first, second] = [one.manifest.digest, two.manifest.digest]
const retention = { ...NO_POLICY, rules: [ruleOf('**', '*', { moves: 2 })], untaggedMs: DAY_MS }

describeOnStores('the history of a tag in a bucket', (store) => {
  let folder: TemporaryFolder
  let place: S3Place
  let berth: BerthInProcess

  beforeEach(async () => {
    folder = new TemporaryFolder()
    place = await store().newBucket()
    berth = await open('first')
  })
  afterEach(async () => {
    await berth.stop()
    folder[Symbol.dispose]()
  })

  const open = async (name: string) => await BerthInProcess.start({ place, state: folder.join(name) }, { retention })

  async function loseDatabase(): Promise<void> {
    await berth.stop()
    berth = await open('a database of its own')
    await berth.scan()
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
      const [day = ''] = await berth.storage.list(berthLayout.history)
      return (await berth.storage.list(storagePath(berthLayout.history, day))).length
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
    await berth.storage.remove(berthLayout.history)
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
