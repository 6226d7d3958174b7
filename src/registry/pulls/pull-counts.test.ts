import { afterEach, beforeEach, describe, expect, setDefaultTimeout, setSystemTime, test } from 'bun:test'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { makeImage, makeImageIndex } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import type { Metadata } from '../../metadata/query.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseReference } from '../../oci/reference.ts'
import { NO_POLICY } from '../retention/retention-policy.ts'

setDefaultTimeout(120_000)

const APP = parseRepositoryName('team/app')
const DAY_MS = 24 * 60 * 60 * 1000
const image = makeImage('image')
const arm = makeImage('arm', { architecture: 'arm64' })
const index = makeImageIndex([image, arm])

let folder: TemporaryFolder
let berth: BerthInProcess
let isBroken = false

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  isBroken = false
  const metadata = (real: Metadata): Metadata => ({
    read: real.read,
    revision: () => real.revision(),
    write: async (operation) => {
      if (isBroken) throw new Error('SQLITE_IOERR')
      return await real.write(operation)
    },
  })
  const retention = { ...NO_POLICY, ignoredPullers: ['scanner'] }
  berth = await BerthInProcess.start(folder.join('data'), { retention, metadata })
  await pushImage(berth.client, image, 'v1', APP)
  await pushImage(berth.client, arm, arm.manifest.digest, APP)
  await expectStatus(await berth.client.putManifest(APP, 'multi', index.manifest), 201)
})
afterEach(async () => {
  setSystemTime()
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function get(reference: string): Promise<void> {
  await expectStatus(await berth.client.getManifest(APP, reference), 200)
}

async function head(reference: string): Promise<void> {
  await expectStatus(await berth.client.headManifest(APP, reference), 200)
}

async function written(): Promise<void> {
  await berth.registry.retention.pulls.write()
}

async function countOf(reference: string): Promise<number> {
  return (await berth.registry.shown.pulls.of(APP, parseReference(reference))).days30
}

async function countsOf(...references: readonly string[]): Promise<readonly number[]> {
  const { pulls } = await berth.registry.shown.repositories.of(APP, undefined, new AbortController().signal)
  return [pulls.days30, ...(await Promise.all(references.map(countOf)))]
}

describe('a pull', () => {
  test('by a tag counts for the repository, the tag and the manifest; one by a digest for no tag', async () => {
    await get('v1')
    await get('v1')
    await get(image.manifest.digest)
    await written()
    await get('v1')
    await written()

    expect(await countsOf('v1', image.manifest.digest, 'multi')).toEqual([4, 3, 4, 0])
  })

  test('is no HEAD', async () => {
    await head('v1')
    await head(image.manifest.digest)
    await written()

    expect(await countsOf('v1', image.manifest.digest)).toEqual([0, 0, 0])
  })

  test('by the digest that a HEAD of the tag has given counts for the tag, once', async () => {
    await head('v1')
    await get(image.manifest.digest)
    await get(image.manifest.digest)
    await written()

    expect(await countsOf('v1', image.manifest.digest)).toEqual([2, 1, 2])
  })

  test('of an image index and then of the image of a platform is one of the repository', async () => {
    await head('multi')
    await get(index.manifest.digest)
    await get(arm.manifest.digest)
    await written()

    expect(await countsOf('multi', index.manifest.digest, arm.manifest.digest)).toEqual([1, 1, 1, 1])
  })

  test('of an image of a platform alone is one of the repository', async () => {
    await get(index.manifest.digest)
    await written()
    await written()
    await get(arm.manifest.digest)
    await written()

    expect(await countsOf(arm.manifest.digest)).toEqual([2, 1])
  })

  test('by a user that is left out counts nowhere', async () => {
    const { digest } = image.manifest
    const pulled = { repository: APP, reference: parseReference('v1'), digest, mediaType: image.manifest.mediaType }
    berth.registry.retention.pulls.pulled(pulled as never, { name: 'scanner', address: undefined, requestId: 'one' })
    await written()

    expect(await countsOf('v1', digest)).toEqual([0, 0, 0])
  })

  test('counts once what could not be written at first', async () => {
    await written()
    await get('v1')
    isBroken = true
    await expect(written()).rejects.toThrow('SQLITE_IOERR')
    isBroken = false
    await get('v1')
    await written()
    await written()

    expect(await countsOf('v1')).toEqual([2, 2])
  })

  test('of many names is written in turns, each of them', async () => {
    for (let number = 0; number < 450; number += 1)
      await expectStatus(await berth.client.putManifest(APP, `t${number}`, image.manifest), 201)
    for (let number = 0; number < 450; number += 1) await get(`t${number}`)
    await written()

    expect(await countsOf('t0', 't199', 't200', 't449', image.manifest.digest)).toEqual([450, 1, 1, 1, 1, 450])
  })
})

test('sums are of 7 and of 30 days, and the last pull is told with its time', async () => {
  const now = Date.UTC(2026, 10, 29, 12)
  for (const daysAgo of [40, 29, 7, 6, 0]) {
    setSystemTime(new Date(now - daysAgo * DAY_MS))
    await get('v1')
    await written()
  }

  const { byDay, ...sums } = await berth.registry.shown.pulls.of(APP, parseReference('v1'))

  expect(sums).toEqual({ days7: 2, days30: 4, lastMs: now })
  expect(byDay.map(({ day, count }) => [day - Math.floor(now / DAY_MS), count])).toEqual([
    ...[
      [-29, 1],
      [-7, 1],
      [-6, 1],
      [0, 1],
    ],
  ])
  const { pulls } = await berth.registry.shown.repositories.of(APP, undefined, new AbortController().signal)
  expect(pulls.total).toBe(5)
})
