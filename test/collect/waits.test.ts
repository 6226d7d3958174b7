import { afterEach, beforeEach, describe, expect, setSystemTime, spyOn, test } from 'bun:test'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { loadConfig } from '../../src/config/load-config.ts'
import { readCollectorState } from '../../src/operating/collection.ts'
import type { Waits } from '../../src/registry/collect/whether.ts'
import { StorageFault } from '../../src/storage/storage-errors.ts'
import { BerthInProcess, type InProcessOptions } from '../support/berth-in-process.ts'
import { blobPlaces, imagePlaces, missing } from '../support/collected-places.ts'
import { collect, collectAll, DAY_MS, HOUR_MS, MINUTE_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { blobsOf, contentOf, makeImage } from '../support/images.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { expectStatus } from '../support/registry-client.ts'
import { registryConfig } from '../support/registry-config.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** What is wrong with a machine: nothing is removed then, and the operator is told why, in the log, by a metric and by `berth gc`. */

const YEAR_MS = 365 * DAY_MS
const REPOSITORIES = 'data/docker/registry/v2/repositories'
const image = makeImage('kept', { layers: 1 })
const orphan = contentOf('', Buffer.from('a layer that nothing names'))
const places = [...imagePlaces('app', image), ...blobPlaces('app', orphan)]

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  await start()
  await passTime(berth, HOUR_MS)
  for (const blob of [...blobsOf(image), orphan]) await berth.client.pushBlob('app', blob)
  await expectStatus(await berth.client.putManifest('app', 'latest', image.manifest), 201)
})
afterEach(async () => {
  setSystemTime()
  await berth.stop()
  folder[Symbol.dispose]()
})

async function start(options: InProcessOptions = {}): Promise<void> {
  berth = await BerthInProcess.start(folder.join('data'), { collector: TEST_POLICY, ...options })
  await berth.scan()
}

async function restart(options: InProcessOptions = {}): Promise<void> {
  await berth.stop()
  await start(options)
}

/** The mount has gone: what lies at its place is the empty directory below. */
function unmount(): void {
  renameSync(folder.join(REPOSITORIES), folder.join('unmounted'))
  mkdirSync(folder.join(REPOSITORIES))
}

function mount(): void {
  rmSync(folder.join(REPOSITORIES), { recursive: true })
  renameSync(folder.join('unmounted'), folder.join(REPOSITORIES))
}

async function expectPulled(): Promise<void> {
  await expectStatus(await berth.client.getManifest('app', 'latest'), 200)
  for (const { digest } of blobsOf(image)) await expectStatus(await berth.client.getBlob('app', digest), 200)
}

async function expectTold(reason: Waits, because: RegExp): Promise<void> {
  const told = berth.log.lines.filter(({ fields }) => fields?.reason === reason)
  expect(told.map(({ fields }) => fields?.because)).toEqual([expect.stringMatching(because)])
  expect((await berth.registry.status.collector())?.waits).toBe(reason)
  const path = await folder.file('config.yml', registryConfig(folder.join('data')))
  const state = await readCollectorState(loadConfig({ path, environment: {} }).config, new RecordedLog())
  expect(state?.because).toMatch(because)
}

describe('nothing is removed, and the operator is told why,', () => {
  test('while the directory of repositories is unmounted under a running registry, which gives pulls; then it goes on', async () => {
    unmount()

    await collectAll(berth)

    await expectPulled()
    await expectTold('repositories', /^there are bytes and no repository: the directory of repositories may not be mounted\.$/)
    mount()
    expect(missing(folder.join('data'), places)).toEqual([])
    await collectAll(berth)
    await expectPulled()
    expect(missing(folder.join('data'), places)).not.toEqual([])
  })

  test('when it was unmounted while none ran, and all is there when it is back', async () => {
    await berth.stop()
    unmount()
    await start()

    await collectAll(berth)

    await expectTold('repositories', /may not be mounted\.$/)
    await berth.stop()
    mount()
    expect(missing(folder.join('data'), places)).toEqual([])
    await start()
    await collectAll(berth)
    await expectPulled()
  })

  test('while a directory cannot be read; the others give pulls', async () => {
    await berth.client.pushBlob('locked', orphan)
    const denied = new StorageFault({ message: 'EACCES: permission denied' })
    await restart({
      hook: (call, phase) => (phase === 'before' && /repositories\/locked/.test(call) ? Promise.reject(denied) : undefined),
    })

    await collectAll(berth)

    await expectPulled()
    await expectTold('unreadable', /^a repository cannot be read, and what it needs is not known\.$/)
    expect(missing(folder.join('data'), places)).toEqual([])
  })

  test('of bytes, while a directory is there that Berth does not know', async () => {
    await berth.stop()
    mkdirSync(folder.join(REPOSITORIES, 'Team/App/_layers'), { recursive: true })
    writeFileSync(folder.join(REPOSITORIES, 'Team/App/_layers/link'), orphan.digest)
    await start()

    await collectAll(berth)

    await expectPulled()
    await expectTold('obstacle', /^the storage holds content that Berth does not understand; the bytes that it may need stay\.$/)
    expect(
      missing(
        folder.join('data'),
        places.filter((place) => place.startsWith('blobs/')),
      ),
    ).toEqual([])
  })
})

describe.each([
  ['ahead', YEAR_MS],
  ['back', -YEAR_MS],
])('a wall clock that jumps a year %s makes nothing due', (_, jumpMs) => {
  test('while the registry runs', async () => {
    await restart({ collector: { ...TEST_POLICY, tickMs: MINUTE_MS } })
    await passTime(berth, DAY_MS - HOUR_MS)
    await collect(berth)
    const monotonic = performance.now.bind(performance)
    let passedMs = 0
    using _now = spyOn(performance, 'now').mockImplementation(() => monotonic() + passedMs)
    for (let tick = 0; tick < 3; tick += 1) {
      passedMs += MINUTE_MS + 1
      setSystemTime(new Date(Date.now() + jumpMs))
      await collect(berth)
    }

    expect(missing(folder.join('data'), places)).toEqual([])
    await expectPulled()
  })

  test('while none runs', async () => {
    await passTime(berth, DAY_MS / 2)
    await berth.stop()
    setSystemTime(new Date(Date.now() + jumpMs))
    await start()
    for (let hour = 0; hour < 3; hour += 1) {
      await passTime(berth, HOUR_MS)
      await collect(berth)
    }

    expect(missing(folder.join('data'), places)).toEqual([])
    await expectPulled()
  })
})
