import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { eventSettings } from '../../../test/support/notification-settings.ts'
import { RecordedLog } from '../../../test/support/recorded-log.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { insertEvents } from '../../metadata/events/events.ts'
import type { Metadata, Query } from '../../metadata/query.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import { newEvent } from './content-event.ts'
import { removeOldEvents } from './event-keeping.ts'
import { type EventListener, EventListeners } from './event-listeners.ts'

setDefaultTimeout(180_000)

const NOBODY = { name: undefined, address: undefined, requestId: undefined }
const APP = findRepositoryName('app') as RepositoryName
const QUIET_MS = 60_000
const signal = new AbortController().signal

let folder: TemporaryFolder
let berth: BerthInProcess
let reads = 0
let looks = 0
let listeners: EventListeners
const log = new RecordedLog()
beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'), { notifications: eventSettings() })
  ;[reads, looks] = [0, 0]
  listeners = new EventListeners({ metadata: counted(berth.opened.metadata), log, listenersAtMost: 1_000 })
})
afterEach(async () => {
  listeners.close()
  await berth.stop()
  folder[Symbol.dispose]()
})

function counted({ read, revision, write }: Metadata): Metadata {
  const countedRead: Query = {
    all: async (...words) => {
      reads += 1
      return await read.all(...words)
    },
    get: async (...words) => {
      reads += 1
      return await read.get(...words)
    },
    run: read.run.bind(read),
  }
  const watched = () => {
    looks += 1
    return revision.call(berth.opened.metadata)
  }
  return { read: countedRead, revision: watched, write: write.bind(berth.opened.metadata) }
}

async function happen(count: number): Promise<void> {
  const event = () => newEvent({ action: 'push', kind: 'blob', repository: APP }, NOBODY, 'process')
  await berth.opened.metadata.write((query) => insertEvents(query, Array.from({ length: count }, event)))
}

async function ticks(count: number): Promise<void> {
  const until = looks + count
  while (looks < until) await Bun.sleep(5)
}

/** All that it hears until it has heard so many events. */
async function heard(listener: EventListener, count: number): Promise<{ numbers: number[]; missed: number }> {
  const numbers: number[] = []
  let missed = 0
  while (numbers.length < count) {
    const next = await listener.next(QUIET_MS, signal)
    if (next.kind === 'missed') missed += 1
    if (next.kind === 'events') numbers.push(...next.events.map(({ number }) => number))
  }
  return { numbers, missed }
}

test('a thousand listeners ask the metadata nothing while nothing happens, and once for all when something does', async () => {
  const open = await Promise.all(Array.from({ length: 1_000 }, async () => await listeners.open(undefined, { withPulls: false })))
  await ticks(2)
  reads = 0
  const hearing = open.map(async (listener) => await heard(listener, 3))

  await ticks(5)
  expect(reads).toBe(0)
  await happen(3)
  const all = await Promise.all(hearing)

  // One look that finds them, one that finds no more.
  expect(reads).toBeLessThanOrEqual(4)
  expect(new Set(all.map(({ numbers }) => numbers.join()))).toEqual(new Set(['1,2,3']))
  await expect(listeners.open(undefined, { withPulls: false })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  for (const listener of open) listener.close()
  expect(listeners.size).toBe(0)
})

test('a listener that is far behind reads what it missed in pieces, in order, and each event once', async () => {
  const listener = await listeners.open(undefined, { withPulls: false })
  await ticks(2)
  for (let round = 0; round < 20; round += 1) await happen(100)
  await ticks(2)

  const first = await listener.next(QUIET_MS, signal)
  const { numbers, missed } = await heard(listener, 1_900)

  expect(first.kind === 'events' && first.events.length).toBe(100)
  expect(numbers).toEqual(Array.from({ length: 1_900 }, (_, index) => index + 101))
  expect(missed).toBe(0)
  expect(await listener.next(1, signal)).toEqual({ kind: 'nothing' })
})

test('a listener so slow that events go before it hears them is told so once, and goes on with the rest', async () => {
  const listener = await listeners.open(undefined, { withPulls: false })
  for (let round = 0; round < 20; round += 1) await happen(100)
  await ticks(2)
  await berth.opened.metadata.write((query) => query.run('UPDATE event SET at_ms = 0 WHERE number <= 700'))
  await removeOldEvents(berth.opened.metadata, { keepMs: 3_600_000, sizeBytes: 1e9 }, signal)

  const { numbers, missed } = await heard(listener, 1_300)

  expect(missed).toBe(1)
  expect(numbers).toEqual(Array.from({ length: 1_300 }, (_, index) => index + 701))
})

test('pulls that went are missed by a listener of pulls alone', async () => {
  const listener = await listeners.open(undefined, { withPulls: true })
  const position = listener.position()
  listener.close()
  const event = newEvent({ action: 'pull', kind: 'blob', repository: APP }, NOBODY, 'process')
  await berth.opened.metadata.write((query) => insertEvents(query, [event]))
  await removeOldEvents(berth.opened.metadata, { keepMs: 3_600_000, sizeBytes: 0 }, signal)

  expect((await listeners.open(position, { withPulls: true })).gap).toBe('removed')
  expect((await listeners.open(position, { withPulls: false })).gap).toBeUndefined()
})
