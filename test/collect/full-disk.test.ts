import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Disk } from '../../src/storage/filesystem/disk.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { blobPlaces, missing } from '../support/collected-places.ts'
import { DAY_MS, HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { type Content, contentOf } from '../support/images.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** What the collector does while uploads are refused for want of space. */

setDefaultTimeout(120_000)

/** The most that go in one batch. */
const AT_ONCE = 64
const COUNT = 3 * AT_ONCE
/** The second batch comes hours later, if the collector keeps to it. */
const SLOWEST = 0.01
const TOO_LONG_MS = 120_000

/** Each is larger than the one before. */
const orphans = Array.from({ length: COUNT }, (_, number) => contentOf('', Buffer.alloc(1_000 + number * 10, `layer ${number}`)))

let folder: TemporaryFolder
let berth: BerthInProcess
let isFull: boolean
/** Blobs in the order in which their bytes went. */
let removed: string[]

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  isFull = false
  removed = []
  await start(TEST_POLICY.rate)
  await passTime(berth, HOUR_MS)
})
afterEach(async () => {
  await berth.stop()
  folder[Symbol.dispose]()
})

async function start(rate: number): Promise<void> {
  const hook = (call: string, phase: string) => {
    const [, hex] = /^rename docker\S*\/blobs\/sha256\/..\/([0-9a-f]{64})/.exec(call) ?? []
    if (hex !== undefined && phase === 'after') removed.push(`sha256:${hex}`)
    return undefined
  }
  berth = await BerthInProcess.start(folder.join('data'), { collector: { ...TEST_POLICY, rate }, hook, disk: thatFills })
  await berth.scan()
}

/** A disk that the test fills. */
function thatFills(disk: Disk): Disk {
  const space = async (path: string) => (isFull ? { freeBytes: 0, totalBytes: 1024 ** 3 } : await disk.space(path))
  return new Proxy(disk, {
    get: (real, name) => {
      if (name === 'space') return space
      const value: unknown = Reflect.get(real, name)
      return typeof value === 'function' ? value.bind(real) : value
    },
  })
}

/** What the process that has the duty does at a tick, for so long as the test has patience. */
async function collect(): Promise<void> {
  await berth.registry.collectorDuty.run(AbortSignal.timeout(TOO_LONG_MS))
}

function numbersOf(digests: readonly string[]): readonly number[] {
  return digests.map((digest) => orphans.findIndex((orphan) => orphan.digest === digest))
}

/** The largest first, but for those of one batch, which go at the same time. */
function expectLargestFirst(): void {
  const numbers = numbersOf(removed)
  const early = numbers.filter((number, at) => numbers.slice(at + AT_ONCE).some((later) => later > number))
  expect([numbers.length, early]).toEqual([COUNT, []])
}

describe('while uploads are refused for want of space', () => {
  test('the collector keeps to no rate', async () => {
    for (const orphan of orphans) await berth.client.pushBlob('app', orphan)
    await passTime(berth, DAY_MS)
    await collect()
    await berth.stop()
    await start(SLOWEST)
    await passTime(berth, HOUR_MS)
    await collect()
    await passTime(berth, HOUR_MS)
    isFull = true

    await collect()

    expect(missing(folder.join('data'), orphans.flatMap(placesOf))).toHaveLength(2 * COUNT)
  })

  test('what frees most goes first, link and bytes', async () => {
    for (const orphan of orphans) await berth.client.pushBlob('app', orphan)
    await passTime(berth, DAY_MS)
    await collect()
    await passTime(berth, HOUR_MS)
    isFull = true

    await collect()

    expectLargestFirst()
  })

  test('of bytes without a link the largest go first', async () => {
    for (const orphan of orphans) await berth.client.pushBlob('app', orphan)
    await berth.opened.metadata.write(async (query) => await query.run('UPDATE link SET target = NULL'))
    await passTime(berth, DAY_MS)
    isFull = true

    await collect()

    expectLargestFirst()
  })
})

function placesOf(orphan: Content): readonly string[] {
  return blobPlaces('app', orphan)
}
