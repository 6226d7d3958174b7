import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { imagePlaces, type Place, revision, statusOf } from '../support/collected-places.ts'
import { CollectedRegistry } from '../support/collected-registry.ts'
import { collect, collectAll, DAY_MS, HOUR_MS, MINUTE_MS, passTime } from '../support/collecting.ts'
import { someOf } from '../support/effort.ts'
import { blobsOf, type Image, makeImage, makeImageIndex } from '../support/images.ts'
import { describeOnStores, STORE_START_MS } from '../support/object-store.ts'
import { expectStatus } from '../support/registry-client.ts'
import { BUILD_ROWS } from './rows/build-rows.ts'
import { DIGEST_ROWS } from './rows/digest-rows.ts'
import { INDEX_ROWS } from './rows/index-rows.ts'
import { REFERRER_ROWS } from './rows/referrer-rows.ts'
import type { CollectedRow } from './rows/row.ts'

/** Each kind of content that clients push and delete: what stays of it and what goes, in the storage and by answers. */

const ROWS = [...INDEX_ROWS, ...BUILD_ROWS, ...REFERRER_ROWS, ...DIGEST_ROWS]
/** Of a bucket, in each run. */
const SOME = 12

let berth: CollectedRegistry

afterEach(() => berth[Symbol.asyncDispose]())

/** A grace and a window, with a pass after each. */
async function passGraceAndWindow(): Promise<void> {
  await passTime(berth, DAY_MS)
  await collect(berth)
  await passTime(berth, HOUR_MS)
  await collect(berth)
}

async function answers(places: readonly Place[]): Promise<readonly string[]> {
  const answered: string[] = []
  for (const place of places.filter(hasName)) answered.push(`${place}: ${await statusOf(berth, place)}`)
  return answered
}

/** Bytes have no name by which a client could ask for them. */
function hasName(place: Place): boolean {
  return !place.startsWith('blobs/')
}

const answeredWith = (places: readonly Place[], status: number) => places.filter(hasName).map((place) => `${place}: ${status}`)

async function whatStaysAndGoes({ write, stays = [], goes = [], goesLater = [], meanwhile }: CollectedRow): Promise<void> {
  await write(berth)
  expect(await berth.missing([...stays, ...goesLater])).toEqual([])
  await meanwhile?.(berth)

  await passGraceAndWindow()

  expect(await berth.missing([...stays, ...goesLater])).toEqual([])
  expect(await berth.missing(goes)).toEqual(goes)
  await collectAll(berth)
  expect(await berth.missing(stays)).toEqual([])
  expect(await berth.missing(goesLater)).toEqual(goesLater)
  const gone = [...goes, ...goesLater]
  expect(await answers(stays)).toEqual(answeredWith(stays, 200))
  expect(await answers(gone)).toEqual(answeredWith(gone, 404))
}

/** In the last minute of the grace, when the collector has looked once more. */
async function whatComesBack({ write, stays = [], goes = [], goesLater = [] }: CollectedRow): Promise<void> {
  const all = [...stays, ...goes, ...goesLater]
  await write(berth)
  await passTime(berth, DAY_MS - MINUTE_MS)
  await collect(berth)

  expect(await berth.undelete('app')).toEqual([])

  expect(await berth.missing(all)).toEqual([])
  expect(await answers(all)).toEqual(answeredWith(all, 200))
  await collectAll(berth)
  expect(await berth.missing(all)).toEqual([])
  expect(await answers(all)).toEqual(answeredWith(all, 200))
}

const DELETING = ROWS.filter(({ goes = [] }) => goes.length > 0)

describe('of a directory', () => {
  beforeEach(async () => {
    berth = await CollectedRegistry.start(undefined)
    await passTime(berth, HOUR_MS)
  })

  describe('after a grace, a window and two passes', () => {
    test.each(ROWS)('$title', whatStaysAndGoes)
  })

  describe('all comes back and stays, where it is undeleted in time:', () => {
    test.each(DELETING)('$title', whatComesBack)
  })
})

describeOnStores(
  'of a bucket',
  (store) => {
    beforeEach(async () => {
      berth = await CollectedRegistry.start(await store().newBucket())
      await passTime(berth, HOUR_MS)
    }, STORE_START_MS)

    describe('after a grace, a window and two passes', () => {
      test.each(someOf('rows that are collected in a bucket', ROWS, SOME))('$title', whatStaysAndGoes, STORE_START_MS)
    })

    describe('all comes back and stays, where it is undeleted in time:', () => {
      test.each(someOf('rows that are undeleted in a bucket', DELETING, SOME))('$title', whatComesBack, STORE_START_MS)
    })
  },
  ['versitygw'],
)

describe('of an index in an index that was deleted', () => {
  const image = makeImage('nested', { layers: 1 })
  const inner = makeImageIndex([image])
  const outer = makeImageIndex([{ ...image, manifest: inner.manifest }])

  beforeEach(async () => {
    berth = await CollectedRegistry.start(undefined)
    await passTime(berth, HOUR_MS)
    for (const blob of blobsOf(image)) await berth.client.pushBlob('app', blob)
    for (const { digest, manifest } of [image, inner, outer].map(({ manifest }) => ({ digest: manifest.digest, manifest })))
      await expectStatus(await berth.client.putManifest('app', digest, manifest), 201)
    await expectStatus(await berth.client.deleteManifest('app', outer.manifest.digest), 202)
  })

  test('each level goes a window after the one above it, and not another grace', async () => {
    await passGraceAndWindow()
    expect(await berth.missing([revision('app', inner.manifest), revision('app', image.manifest)])).toEqual([
      revision('app', inner.manifest),
    ])

    await passTime(berth, HOUR_MS)
    await collect(berth)

    expect(await berth.missing([revision('app', image.manifest)])).toHaveLength(1)
  })

  test('the image stays for a grace after each pull, whatever becomes of the index above it', async () => {
    await passTime(berth, DAY_MS - HOUR_MS)
    await expectStatus(await berth.client.getManifest('app', image.manifest.digest), 200)
    for (let hour = 0; hour < 4; hour += 1) {
      await passTime(berth, HOUR_MS)
      await collect(berth)
    }

    expect(await berth.missing([revision('app', inner.manifest), ...imagePlaces('app', image)])).toEqual([
      revision('app', inner.manifest),
    ])
    await expectStatus(await berth.client.getManifest('app', image.manifest.digest), 200)
  })
})

test('a signature that went with its image, pushed again by its digest, has no tag', async () => {
  berth = await CollectedRegistry.start(undefined)
  await passTime(berth, HOUR_MS)
  const [image, signature] = ['signed', 'signature'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image]
  const name = `${image.manifest.digest.replace(':', '-')}.sig`
  for (const [pushed, reference] of [[image, 'latest'] as const, [signature, name] as const]) {
    for (const blob of blobsOf(pushed)) await berth.client.pushBlob('app', blob)
    await expectStatus(await berth.client.putManifest('app', reference, pushed.manifest), 201)
  }
  await expectStatus(await berth.client.deleteManifest('app', image.manifest.digest), 202)
  await passGraceAndWindow()

  await expectStatus(await berth.client.putManifest('app', signature.manifest.digest, signature.manifest), 201)

  expect((await berth.client.headManifest('app', name)).status).toBe(404)
})
