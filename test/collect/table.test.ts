import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { imagePlaces, missing, type Place, revision, statusOf } from '../support/collected-places.ts'
import { collect, collectAll, DAY_MS, HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { blobsOf, type Image, makeImage, makeImageIndex } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { BUILD_ROWS } from './rows/build-rows.ts'
import { DIGEST_ROWS } from './rows/digest-rows.ts'
import { INDEX_ROWS } from './rows/index-rows.ts'
import { REFERRER_ROWS } from './rows/referrer-rows.ts'
import type { CollectedLab } from './rows/row.ts'

/** Each kind of content that clients push and delete: what stays of it and what goes, in the storage and by answers. */

let folder: TemporaryFolder
let berth: BerthInProcess

const lab: CollectedLab = {
  get client() {
    return berth.client
  },
  get data() {
    return folder.join('data')
  },
  whileStopped: async (work) => {
    await berth.stop()
    work()
    await start()
  },
}

async function start(): Promise<void> {
  berth = await BerthInProcess.start(folder.join('data'), { collector: TEST_POLICY })
  await berth.scan()
}

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  await start()
  await passTime(berth, HOUR_MS)
})
afterEach(async () => {
  await berth.stop()
  folder[Symbol.dispose]()
})

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

describe('after a grace, a window and two passes', () => {
  test.each([...INDEX_ROWS, ...BUILD_ROWS, ...REFERRER_ROWS, ...DIGEST_ROWS])(
    '$title',
    async ({ write, stays = [], goes = [], goesLater = [], meanwhile }) => {
      const data = folder.join('data')
      await write(lab)
      expect(missing(data, [...stays, ...goesLater])).toEqual([])
      await meanwhile?.(berth)

      await passGraceAndWindow()

      expect(missing(data, [...stays, ...goesLater])).toEqual([])
      expect(missing(data, goes)).toEqual(goes)
      await collectAll(berth)
      expect(missing(data, stays)).toEqual([])
      expect(missing(data, goesLater)).toEqual(goesLater)
      const gone = [...goes, ...goesLater]
      expect(await answers(stays)).toEqual(stays.filter(hasName).map((place) => `${place}: 200`))
      expect(await answers(gone)).toEqual(gone.filter(hasName).map((place) => `${place}: 404`))
    },
  )
})

describe('of an index in an index that was deleted', () => {
  const image = makeImage('nested', { layers: 1 })
  const inner = makeImageIndex([image])
  const outer = makeImageIndex([{ ...image, manifest: inner.manifest }])

  beforeEach(async () => {
    for (const blob of blobsOf(image)) await berth.client.pushBlob('app', blob)
    for (const { digest, manifest } of [image, inner, outer].map(({ manifest }) => ({ digest: manifest.digest, manifest })))
      await expectStatus(await berth.client.putManifest('app', digest, manifest), 201)
    await expectStatus(await berth.client.deleteManifest('app', outer.manifest.digest), 202)
  })

  test('each level goes a window after the one above it, and not another grace', async () => {
    await passGraceAndWindow()
    expect(missing(folder.join('data'), [revision('app', inner.manifest), revision('app', image.manifest)])).toEqual([
      revision('app', inner.manifest),
    ])

    await passTime(berth, HOUR_MS)
    await collect(berth)

    expect(missing(folder.join('data'), [revision('app', image.manifest)])).toHaveLength(1)
  })

  test('the image stays for a grace after each pull, whatever becomes of the index above it', async () => {
    await passTime(berth, DAY_MS - HOUR_MS)
    await expectStatus(await berth.client.getManifest('app', image.manifest.digest), 200)
    for (let hour = 0; hour < 4; hour += 1) {
      await passTime(berth, HOUR_MS)
      await collect(berth)
    }

    expect(missing(folder.join('data'), [revision('app', inner.manifest), ...imagePlaces('app', image)])).toEqual([
      revision('app', inner.manifest),
    ])
    await expectStatus(await berth.client.getManifest('app', image.manifest.digest), 200)
  })
})

test('a signature that went with its image, pushed again by its digest, has no tag', async () => {
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
