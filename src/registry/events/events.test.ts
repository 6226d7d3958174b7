import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, spyOn, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { blobsOf, contentOf, fixedBytes, makeImage } from '../../../test/support/images.ts'
import { notificationsTo } from '../../../test/support/notification-settings.ts'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { expectStatus, type RegistryClient } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { metadataPath } from '../../../test/support/test-root.ts'
import { keptEvents, listEventsAfter, type StoredEvent } from '../../metadata/events/events.ts'
import type { Metadata } from '../../metadata/query.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import { removeOldEvents } from './event-keeping.ts'
import { PullEvents } from './pull-events.ts'

setDefaultTimeout(120_000)

const NOBODY = { name: undefined, address: undefined, requestId: undefined }
const APP = findRepositoryName('app') as RepositoryName
const BLOB = contentOf('application/octet-stream', fixedBytes(100))
const IMAGE = makeImage('image', { layers: 1 })
const OTHER = makeImage('other', { layers: 1 })
const HOUR_MS = 60 * 60 * 1000

let folder: TemporaryFolder
let berth: BerthInProcess
let client: RegistryClient
beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'), { notifications: notificationsTo('http://127.0.0.1:1/') })
  client = berth.client
})
afterEach(async () => {
  await berth.stop()
  folder[Symbol.dispose]()
})

async function eventsOf({ opened }: BerthInProcess): Promise<readonly StoredEvent[]> {
  return await listEventsAfter(opened.metadata.read, 0, 1000)
}

async function shown(): Promise<readonly string[]> {
  return (await eventsOf(berth)).map(({ action, kind, repository, tag }) =>
    [action, kind, repository, tag ?? ''].join(' ').trim(),
  )
}

async function pushImage(image: typeof IMAGE, tag: string): Promise<void> {
  for (const blob of blobsOf(image)) await client.pushBlob('app', blob)
  await expectStatus(await client.putManifest('app', tag, image.manifest), 201)
}

describe('What changes content', () => {
  test('has its event with the transaction that confirms it: pushes, mounts, tags that move, deletes, undeletes', async () => {
    await pushImage(IMAGE, 'v1')
    await client.mountBlob('copy', IMAGE.config.digest, 'app')
    await pushImage(OTHER, 'v1')
    await expectStatus(await client.putManifest('app', 'v2', OTHER.manifest), 201)
    await expectStatus(await client.deleteManifest('app', 'v2'), 202)
    await expectStatus(await client.deleteManifest('app', OTHER.manifest.digest), 202)
    await expectStatus(await client.request('POST', '/api/v1/repositories/app/undelete?tag=v1'), 200)
    await client.pushBlob('app', BLOB)
    await expectStatus(await client.deleteBlob('app', BLOB.digest), 202)

    expect(await shown()).toEqual([
      ...['push blob app', 'push blob app', 'push manifest app v1', 'mount blob copy'],
      ...['push blob app', 'push blob app', 'push manifest app v1', 'move tag app v1'],
      ...['push manifest app v2', 'delete tag app v2'],
      ...['delete manifest app', 'delete tag app v1', 'undelete manifest app v1', 'push blob app', 'delete blob app'],
    ])
    expect((await eventsOf(berth)).map(({ number }) => number)).toEqual(Array.from({ length: 15 }, (_, index) => index + 1))
  })

  test('says who asked for it, how, and from where', async () => {
    const headers = { 'content-type': IMAGE.manifest.mediaType, 'user-agent': 'x'.repeat(2000), host: 'berth.test' }
    for (const blob of blobsOf(IMAGE)) await client.pushBlob('app', blob)
    const sent = { headers, body: IMAGE.manifest.bytes.slice() }
    await expectStatus(await client.request('PUT', '/v2/app/manifests/v1', sent), 201)

    const event = (await eventsOf(berth)).at(-1)
    expect(event).toMatchObject({
      digest: IMAGE.manifest.digest,
      size: IMAGE.manifest.bytes.length,
      process: berth.opened.processId,
    })
    expect(event?.requestId).toMatch(/^[0-9a-f]{16}$/)
    expect(JSON.parse(event?.request ?? '')).toEqual({
      ...{ method: 'PUT', host: 'berth.test', root: 'http://berth.test' },
      // A client chooses it: it does not take more than so much.
      userAgent: 'x'.repeat(512),
    })
  })

  test('has none when it was refused', async () => {
    await client.putManifest('app', 'v1', IMAGE.manifest)
    await client.deleteManifest('app', 'v1')
    await client.mountBlob('copy', IMAGE.config.digest, 'app')

    expect(await shown()).toEqual([])
  })

  test('has none where nothing listens, nor has a pull', async () => {
    await berth.stop()
    berth = await BerthInProcess.start(folder.join('data'))
    client = berth.client

    await pushImage(IMAGE, 'v1')
    await client.getManifest('app', 'v1')

    expect(berth.registry.notifications).toBeUndefined()
    expect(await shown()).toEqual([])
  })
})

describe('Pulls', () => {
  test('are written down later, each with its tag, and a client that has the manifest pulls nothing', async () => {
    await pushImage(IMAGE, 'v1')
    const before = (await eventsOf(berth)).length

    await client.getManifest('app', 'v1')
    await client.headManifest('app', IMAGE.manifest.digest)
    await client.getBlob('app', IMAGE.config.digest)
    await client.getManifest('app', 'none')
    await client.request('GET', '/v2/app/manifests/v1', { headers: { 'if-none-match': `"${IMAGE.manifest.digest}"` } })
    expect((await eventsOf(berth)).length).toBe(before)
    await berth.registry.notifications?.pulls?.write()

    expect((await shown()).slice(before)).toEqual(['pull manifest app v1', 'pull manifest app', 'pull blob app'])
  })

  test('that cannot be written wait, no more than so many, and the log tells of those that were too many', async () => {
    const log = new RecordedLog()
    const { metadata } = berth.opened
    let isBroken = true
    const write: Metadata['write'] = async (work) => {
      if (isBroken) throw new Error('broken')
      return await metadata.write(work)
    }
    const watched: Metadata = { read: metadata.read, revision: () => metadata.revision(), write }
    const pulls = new PullEvents({ metadata: watched, processId: 'p', log, waitingAtMost: 2 })

    for (let count = 0; count < 5; count += 1) pulls.note({ action: 'pull', kind: 'blob', repository: APP }, NOBODY)
    for (let count = 0; count < 3; count += 1) await pulls.write()
    expect(await shown()).toEqual([])
    isBroken = false
    await pulls.write()
    await pulls.write()

    expect(await shown()).toEqual(['pull blob app', 'pull blob app'])
    expect(log.lines).toMatchObject([
      { level: 'warn', message: 'pulls cannot be written down, they wait' },
      { level: 'info', message: 'pulls are written down again' },
      { level: 'warn', message: 'more pulls than can be written have no event', fields: { pulls: 3 } },
    ])
  })
})

describe('Events go', () => {
  const signal = new AbortController().signal
  const age = async (number: number, hours: number) =>
    await berth.opened.metadata.write((query) =>
      query.run('UPDATE event SET at_ms = at_ms - ? WHERE number <= ?', hours * HOUR_MS, number),
    )

  test('when they are older than they are to stay, and their numbers are not given again', async () => {
    await pushImage(IMAGE, 'v1')
    await age(2, 3)

    await removeOldEvents(berth.opened.metadata, { keepMs: 2 * HOUR_MS, sizeBytes: 1e6 }, signal)
    expect(await shown()).toEqual(['push manifest app v1'])
    await removeOldEvents(berth.opened.metadata, { keepMs: 0, sizeBytes: 0 }, signal)
    expect(await shown()).toEqual([])
    await client.pushBlob('app', BLOB)

    expect((await eventsOf(berth)).map(({ number }) => number)).toEqual([4])
  })

  test('when they take too much: the oldest pulls first, then the oldest of all; a push is never kept from its own', async () => {
    await pushImage(IMAGE, 'v1')
    const bytes = await bytesNow()
    await client.getManifest('app', 'v1')
    await client.getBlob('app', IMAGE.config.digest)
    await berth.registry.notifications?.pulls?.write()
    const last = await lastBytes()

    await removeOldEvents(berth.opened.metadata, { keepMs: HOUR_MS, sizeBytes: bytes }, signal)
    expect(await shown()).toEqual(['push blob app', 'push blob app', 'push manifest app v1'])
    expect(last).toBeGreaterThan(100)
    await removeOldEvents(berth.opened.metadata, { keepMs: HOUR_MS, sizeBytes: 0 }, signal)
    expect([await shown(), await bytesNow()]).toEqual([[], 0])
    await client.pushBlob('app', BLOB)
    expect(await shown()).toEqual(['push blob app'])
  })

  test('and are found without reading all that there are, as are those that come next', async () => {
    const { metadata } = berth.opened
    const prepare = spyOn(Database.prototype, 'prepare')
    await pushImage(IMAGE, 'v1')
    await keptEvents(metadata.read, await listEventsAfter(metadata.read, 1, 10))
    await age(1, 2)
    await removeOldEvents(metadata, { keepMs: HOUR_MS, sizeBytes: 0 }, signal)
    const statements = prepare.mock.calls.map(([sql]) => sql).filter((sql) => /\bevent\b/.test(sql) && !/^\s*UPDATE/.test(sql))
    prepare.mockRestore()

    using database = new Database(metadataPath(folder.join('data')), { readonly: true })
    const plans = [...new Set(statements)].map((sql) => database.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`).all())
    const steps = new Set(plans.flatMap((plan) => plan.map(({ detail }) => detail)))
    // A scan in the order of the numbers ends after the first of them, as its limit says.
    expect([...steps].filter((step) => /TEMP B-TREE|AUTOMATIC/.test(step))).toEqual([])
    expect(steps).toContain('SEARCH event USING INTEGER PRIMARY KEY (rowid>?)')
    expect(steps).toContain('SEARCH event USING INTEGER PRIMARY KEY (rowid=?)')
    expect([...steps]).toContainEqual(expect.stringMatching(/^SCAN event USING (COVERING )?INDEX event_pull$/))
  })

  async function bytesNow(): Promise<number> {
    const counted = await berth.opened.metadata.read.get<{ value: number }>(
      "SELECT value FROM counter WHERE name = 'event-bytes'",
    )
    const summed = await berth.opened.metadata.read.get<{ value: number }>('SELECT coalesce(sum(bytes), 0) AS value FROM event')
    expect(counted).toEqual(summed)
    return counted?.value ?? 0
  }

  async function lastBytes(): Promise<number> {
    const row = await berth.opened.metadata.read.get<{ bytes: number }>('SELECT bytes FROM event ORDER BY number DESC LIMIT 1')
    return row?.bytes ?? 0
  }
})
