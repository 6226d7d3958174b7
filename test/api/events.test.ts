import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Action } from '../../src/access/access.ts'
import { listen } from '../../src/http/server/server.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import { removeOldEvents } from '../../src/registry/events/event-keeping.ts'
import { EventStream } from '../support/event-stream.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { eventSettings } from '../support/notification-settings.ts'
import { poll } from '../support/processes.ts'
import { AuthorizedClient, expectStatus } from '../support/registry-client.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { tableAccess } from '../support/table-access.ts'

setDefaultTimeout(180_000)

const IMAGE = makeImage('image', { layers: 1 })
const NEXT = makeImage('next', { layers: 1 })
const EVERYTHING: readonly Action[] = ['pull', 'push', 'delete', 'list']
const LISTENERS = 3

describe.each([
  ['the server for directories', listen],
  ['the server for buckets', listenForStreams],
])('%s', (_, server) => {
  let berth: RestartableRegistry
  let rights: Record<string, { catalog?: 'everything'; may: Record<string, readonly Action[]> }>
  beforeEach(async () => {
    rights = {
      operator: { catalog: 'everything', may: { app: EVERYTHING, 'team/app': EVERYTHING, hidden: EVERYTHING } },
      reader: { may: { app: ['pull'], 'team/app': ['list'] } },
    }
    const notifications = eventSettings({ listenersAtMost: LISTENERS, recordsPulls: true })
    berth = await RestartableRegistry.start({
      ...{ storage: 'inmemory', server, notifications, access: tableAccess(rights) },
    })
  })
  afterEach(async () => await berth[Symbol.asyncDispose]())

  const url = () => berth.url ?? ''
  const client = () => new AuthorizedClient(url(), { authorization: 'operator' })
  const stream = async (query = '', headers: Readonly<Record<string, string>> = {}, name = 'reader') =>
    await EventStream.open(url(), { query, headers: { authorization: name, ...headers } })

  async function push(repository: string, tag: string, image = IMAGE): Promise<void> {
    for (const blob of blobsOf(image)) await client().pushBlob(repository, blob)
    await expectStatus(await client().putManifest(repository, tag, image.manifest), 201)
  }

  const told = async (events: EventStream, count: number) =>
    (await events.take(count)).map(({ event, data }) => [event, data.repository, data.tag].filter(Boolean).join(' '))

  test('tells of each change once, from the moment on when it is ready', async () => {
    await push('app', 'before')
    await using events = await stream()
    expect(events.response.headers.get('content-type')).toBe('text/event-stream')
    expect(await events.next()).toMatchObject({ event: 'ready', data: {} })

    await push('app', 'v1')
    await expectStatus(await client().putManifest('app', 'v1', IMAGE.manifest), 201)
    await push('app', 'v1', NEXT)
    await expectStatus(await client().deleteManifest('app', 'v1'), 202)

    expect(await told(events, 3)).toEqual(['blob.push app', 'blob.push app', 'manifest.push app v1'])
    expect(await told(events, 3)).toEqual(['manifest.push app v1', 'blob.push app', 'blob.push app'])
    const [pushed, moved, removed] = await events.take(3)
    expect(pushed?.data).toEqual({
      ...{ id: expect.any(String), at: expect.any(String), kind: 'manifest.push', repository: 'app', tag: 'v1' },
      ...{ digest: NEXT.manifest.digest, mediaType: NEXT.manifest.mediaType, size: NEXT.manifest.bytes.length, by: 'operator' },
    })
    expect(moved?.data).toMatchObject({
      kind: 'tag.move',
      tag: 'v1',
      digest: NEXT.manifest.digest,
      before: IMAGE.manifest.digest,
    })
    expect(removed).toMatchObject({ event: 'tag.delete', data: { repository: 'app', tag: 'v1', by: 'operator' } })
  })

  test('goes on after Last-Event-ID without a gap and without a repeat, or after a parameter', async () => {
    await using first = await stream('?kind=manifest.push')
    await first.take(1)
    await push('app', 'v1')
    await first.take(1)
    await push('app', 'v2')
    await push('app', 'v3')

    await using second = await stream('?kind=manifest.push', { 'last-event-id': first.lastId })
    await using third = await stream(`?kind=manifest.push&after=${first.lastId}`)

    for (const events of [second, third])
      expect(await told(events, 3)).toEqual(['ready', 'manifest.push app v2', 'manifest.push app v3'])
  })

  test('says that some is missing when events were removed, and when the id is none of this registry', async () => {
    const first = await stream()
    await first.take(1)
    await push('app', 'v1')
    await first.take(1)
    // What a process has at hand for others is told although it was removed.
    await first[Symbol.asyncDispose]()
    await poll('nothing listens', 60_000, async () => (berth.registry.notifications?.listeners.size === 0 ? true : undefined))
    await removeOldEvents(berth.metadata, { keepMs: 0, sizeBytes: 0 }, new AbortController().signal)

    await using removed = await stream('', { 'last-event-id': first.lastId })
    await using unknown = await stream('', { 'last-event-id': 'A'.repeat(22) })
    expect(await removed.next()).toMatchObject({ event: 'gap', data: { reason: 'removed' } })
    expect(await unknown.next()).toMatchObject({ event: 'gap', data: { reason: 'unknown' } })
    await client().putManifest('app', 'v2', IMAGE.manifest)

    for (const events of [removed, unknown]) expect(await told(events, 1)).toEqual(['manifest.push app v2'])
  })

  test('tells of what is asked for: repositories by pattern, a tag, kinds; pulls only by their kind', async () => {
    await using all = await stream('?repository=team/*,ap*&tag=v*&kind=manifest.push', {}, 'operator')
    await using pulls = await stream('?kind=manifest.pull,tag.delete', {}, 'operator')
    for (const events of [all, pulls]) await events.take(1)

    await push('hidden', 'v1')
    await push('app', 'latest')
    await push('app', 'v1')
    await client().getManifest('app', 'v1')
    await berth.registry.notifications?.pulls?.write()
    await push('team/app', 'v2')

    expect(await told(all, 2)).toEqual(['manifest.push app v1', 'manifest.push team/app v2'])
    expect(await told(pulls, 1)).toEqual(['manifest.pull app v1'])
  })

  test('refuses what it does not know, a caller without rights, and one more than may listen', async () => {
    const statusOf = async (query: string, name = 'reader') => {
      await using events = await stream(query, {}, name)
      return events.response.status
    }
    expect(await statusOf('?kind=manifest.push,none')).toBe(400)
    expect(await statusOf('?repository=A')).toBe(400)
    expect(await statusOf('?tag=')).toBe(400)
    expect(await statusOf('?what=1')).toBe(400)
    expect(await statusOf('', 'nobody')).toBe(401)
    expect((await fetch(`${url()}/api/v1/events`, { method: 'HEAD', headers: { authorization: 'reader' } })).status).toBe(200)

    const open = await Promise.all(Array.from({ length: LISTENERS }, async () => await stream()))
    expect(open.map(({ response }) => response.status)).toEqual([200, 200, 200])
    expect(await statusOf('')).toBe(503)
    await open[0]?.[Symbol.asyncDispose]()
    await poll('a place is free', 60_000, async () => ((await statusOf('')) === 200 ? true : undefined))
    for (const events of open) await events[Symbol.asyncDispose]()
  })

  test('tells nothing of a hidden repository, and looks at the rights again before it tells', async () => {
    await using events = await stream('?kind=manifest.push')
    await events.take(1)
    await push('hidden', 'v1')
    await push('team/app', 'v1')
    expect(await told(events, 1)).toEqual(['manifest.push team/app v1'])

    rights.reader = { may: { hidden: ['pull'] } }
    await push('team/app', 'v2')
    await push('hidden', 'v2')
    expect(await told(events, 1)).toEqual(['manifest.push hidden v2'])

    delete rights.reader
    await push('hidden', 'v3')
    expect(await events.next()).toBeUndefined()
  })

  test('ends well when the registry stops, and goes on from there afterwards', async () => {
    await using events = await stream('?kind=manifest.push')
    await events.take(1)

    await berth.registry.handOverDuties()
    expect(await events.next()).toBeUndefined()
    expect((await fetch(`${url()}/api/v1/events`, { headers: { authorization: 'reader' } })).status).toBe(503)
    await push('app', 'v1')
    await berth.restart({ database: 'kept', maintenance: 'on' })

    await using again = await stream('?kind=manifest.push', { 'last-event-id': events.lastId })
    expect(await told(again, 2)).toEqual(['ready', 'manifest.push app v1'])
  })
})
