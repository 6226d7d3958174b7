import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { EventReceiver } from '../../../test/support/event-receiver.ts'
import { blobsOf, contentOf, makeImage } from '../../../test/support/images.ts'
import { endpointAt, notificationsTo } from '../../../test/support/notification-settings.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import type { Metadata } from '../../metadata/query.ts'
import type { EndpointState } from '../../observe/metrics/notification-metrics.ts'
import { FEW_WAITING, MOST_TOGETHER } from './envelopes.ts'
import { endpointStates } from './notifications.ts'
import type { NotificationSettings } from './settings.ts'

setDefaultTimeout(120_000)

let folder: TemporaryFolder
let receiver: EventReceiver
beforeEach(() => {
  folder = new TemporaryFolder({ inMemory: true })
  receiver = new EventReceiver()
})
afterEach(() => {
  receiver[Symbol.dispose]()
  folder[Symbol.dispose]()
})

/** A process of a registry; `send` is what it does when it has the duty, to the end of the work. */
async function start(settings: NotificationSettings): Promise<BerthInProcess> {
  return await BerthInProcess.start(folder.join('data'), { notifications: settings })
}

async function whileSending(berth: BerthInProcess, work: () => Promise<unknown>): Promise<void> {
  const ending = new AbortController()
  const sending = berth.registry.notifications?.run(ending.signal)
  try {
    await work()
  } finally {
    ending.abort(new Error('enough'))
    await expect(sending).rejects.toThrow('enough')
  }
}

async function pushBlobs(berth: BerthInProcess, names: readonly string[]): Promise<readonly string[]> {
  const blobs = names.map((name) => contentOf('application/octet-stream', new TextEncoder().encode(name)))
  for (const blob of blobs) await berth.client.pushBlob('app', blob)
  return blobs.map(({ digest }) => digest)
}

const pushMany = async (berth: BerthInProcess, count: number) =>
  await pushBlobs(
    berth,
    Array.from({ length: count }, (_, number) => `many ${number}`),
  )
const digestsOf = (of: EventReceiver) => of.events.map(({ target }) => String(target.digest))
const untilAll = async (of: EventReceiver, digests: readonly string[]): Promise<void> => {
  const hasAll = (one: EventReceiver) => digests.every((digest) => digestsOf(one).includes(digest))
  await of.until('all events come', (one) => (hasAll(one) ? true : undefined))
}
/** What was sent is known to have been taken: none of it is sent again. */
const untilTaken = async (berth: BerthInProcess) => await untilState(berth, ({ pending }) => pending === 0)
const untilState = async (berth: BerthInProcess, fits: (state: EndpointState) => boolean) => {
  for (let tries = 0; tries < 500; tries += 1) {
    const found = (await endpointStates(berth.opened.metadata)).find(fits)
    if (found !== undefined) return found
    await Bun.sleep(20)
  }
  throw new Error(`no endpoint came so far: ${JSON.stringify(await endpointStates(berth.opened.metadata))}`)
}

describe('An endpoint', () => {
  test('has every event in order, also what happened while nothing was sent, and none twice', async () => {
    await using berth = await start(notificationsTo(receiver.url))
    const before = await pushBlobs(berth, ['a', 'b', 'c'])

    await whileSending(berth, async () => {
      await untilAll(receiver, before)
      const after = await pushBlobs(berth, ['d', 'e'])
      await untilAll(receiver, after)
      await untilTaken(berth)
    })
    await whileSending(berth, async () => {
      await untilAll(receiver, await pushBlobs(berth, ['f']))
      await untilTaken(berth)
    })

    expect(digestsOf(receiver)).toHaveLength(6)
    expect(digestsOf(receiver).slice(0, 3)).toEqual([...before])
    expect(await endpointStates(berth.opened.metadata)).toEqual([
      { endpoint: 'endpoint', pending: 0, lost: 0, failingMs: undefined, failure: undefined },
    ])
  })

  test('that is new is told of what happens from then on; one that another process has told goes on there', async () => {
    {
      await using berth = await start(notificationsTo(receiver.url))
      await whileSending(berth, async () => {
        await untilAll(receiver, await pushBlobs(berth, ['a']))
        await untilTaken(berth)
      })
      await pushBlobs(berth, ['b'])
    }
    using other = new EventReceiver()
    const endpoints = [endpointAt(receiver.url), endpointAt(other.url, { name: 'other' })]
    await using berth = await start(notificationsTo('', { endpoints }))

    const after = await pushBlobs(berth, ['c'])
    await whileSending(berth, async () => {
      await untilAll(receiver, after)
      await untilAll(other, after)
    })

    expect(digestsOf(receiver)).toHaveLength(3)
    expect(digestsOf(other)).toEqual([...after])
  })

  test('for which more than fifty events wait has up to fifty in one envelope, and again one in each when few wait', async () => {
    await using berth = await start(notificationsTo(receiver.url))
    const many = await pushMany(berth, 2 * MOST_TOGETHER + 3)

    await whileSending(berth, async () => {
      await untilAll(receiver, many)
      await untilTaken(berth)
      await untilAll(receiver, await pushBlobs(berth, ['a', 'b']))
      await untilTaken(berth)
    })

    expect(receiver.notifications.map(({ events }) => events.length)).toEqual([MOST_TOGETHER, MOST_TOGETHER, 3, 1, 1])
    expect(digestsOf(receiver).slice(0, many.length)).toEqual([...many])
    expect(berth.registry.notifications?.counts()).toMatchObject([{ events: many.length + 2, successes: many.length + 2 }])
  })

  test('that refuses many events in one envelope has each by itself, in their order', async () => {
    receiver.reception = 'takes one at a time'
    await using berth = await start(notificationsTo(receiver.url))
    const many = await pushMany(berth, FEW_WAITING + 1)

    await whileSending(berth, () => untilTaken(berth))

    expect(digestsOf(receiver)).toEqual([...many])
    expect(berth.registry.notifications?.counts()).toMatchObject([{ events: many.length, successes: many.length }])
  })

  test('that takes nothing keeps its events, in order, until it does; its state tells why, and so does the log', async () => {
    receiver.reception = 'answers 500'
    await using berth = await start(notificationsTo(receiver.url))
    const digests = await pushBlobs(berth, ['a', 'b'])

    await whileSending(berth, async () => {
      const state = await untilState(berth, ({ failure }) => failure !== undefined)
      expect(state).toMatchObject({ pending: 2, failure: 'it answers 500 Internal Server Error' })
      expect(state.failingMs).toBeGreaterThan(Date.now() - 60_000)
      receiver.reception = 'takes it'
      await untilAll(receiver, digests)
      await untilState(berth, ({ failingMs, pending }) => failingMs === undefined && pending === 0)
    })

    expect(digestsOf(receiver)).toEqual([...digests])
    expect(berth.log.lines.map(({ message }) => message).filter((message) => message.includes('an endpoint'))).toEqual([
      'events go to an endpoint',
      'an endpoint does not take events, they wait for it',
      'an endpoint takes events again',
    ])
    const [counts] = berth.registry.notifications?.counts() ?? []
    expect(counts).toMatchObject({ endpoint: 'endpoint', events: 2, successes: 2, errors: 0 })
    expect(counts?.failures).toBeGreaterThanOrEqual(2)
    expect([...(counts?.statuses ?? [])].map(([status]) => status)).toEqual(['500 Internal Server Error', '202 Accepted'])
  })

  test('that is away, or never answers, holds up no other one', async () => {
    using silent = new EventReceiver('never answers')
    using gone = new EventReceiver()
    const goneUrl = gone.url
    gone[Symbol.dispose]()
    const endpoints = [
      endpointAt(silent.url, { name: 'silent', timeoutMs: 60_000 }),
      endpointAt(goneUrl, { name: 'away' }),
      endpointAt(receiver.url, { name: 'well' }),
    ]
    await using berth = await start(notificationsTo('', { endpoints }))

    await whileSending(berth, async () => {
      await untilAll(receiver, await pushBlobs(berth, ['a', 'b', 'c']))
      await untilState(berth, ({ endpoint, failure }) => endpoint === 'away' && failure !== undefined)
    })

    expect(silent.asked).toBe(1)
    expect(digestsOf(receiver)).toHaveLength(3)
  })

  test('hears nothing of what it ignores', async () => {
    const endpoints = [endpointAt(receiver.url, { ignoredMediaTypes: ['application/octet-stream'], ignoredActions: ['delete'] })]
    await using berth = await start(notificationsTo('', { endpoints }))
    const image = makeImage('image', { layers: 1 })

    await whileSending(berth, async () => {
      await pushBlobs(berth, ['a'])
      for (const blob of blobsOf(image)) await berth.client.pushBlob('app', blob)
      for (const tag of ['one', 'two']) await expectStatus(await berth.client.putManifest('app', tag, image.manifest), 201)
      await expectStatus(await berth.client.deleteManifest('app', 'one'), 202)
      await untilState(berth, ({ pending }) => pending === 0)
    })

    expect(receiver.events.map(({ action, target }) => [action, target.tag])).toEqual([
      ['push', 'one'],
      ['push', 'two'],
    ])
  })

  test('that takes nothing for too long loses what is too old, and goes on with the rest', async () => {
    receiver.reception = 'answers 500'
    await using berth = await start(notificationsTo(receiver.url))
    await pushBlobs(berth, ['a'])

    await whileSending(berth, async () => {
      await untilState(berth, ({ failure }) => failure !== undefined)
      const digests = await pushBlobs(berth, ['b'])
      await removeUpTo(berth, 1)
      await untilState(berth, ({ lost }) => lost === 1)
      receiver.reception = 'takes it'
      await untilAll(receiver, digests)
      await untilState(berth, ({ pending, failure }) => pending === 0 && failure === undefined)
      expect(digestsOf(receiver)).toEqual([...digests])
    })
  })

  test('is not told again by the same process what could not be noted because the database takes nothing', async () => {
    let isFull = false
    const metadata = (real: Metadata): Metadata => ({
      read: real.read,
      revision: () => real.revision(),
      write: async (work) => {
        if (isFull) throw new Error('full')
        return await real.write(work)
      },
    })
    const notifications = notificationsTo(receiver.url)
    await using berth = await BerthInProcess.start(folder.join('data'), { notifications, metadata })
    await pushBlobs(berth, ['a', 'b'])

    isFull = true
    for (let times = 0; times < 2; times += 1)
      await expect(berth.registry.notifications?.run(new AbortController().signal)).rejects.toThrow('full')
    isFull = false
    await whileSending(berth, () => untilTaken(berth))

    expect(digestsOf(receiver)).toHaveLength(2)
  })

  test('is told how many events were removed before they could be sent, whether or not others came after them', async () => {
    await using berth = await start(notificationsTo(receiver.url))
    await pushBlobs(berth, ['a', 'b', 'c'])
    await removeUpTo(berth, 3)

    await whileSending(berth, async () => {
      await untilState(berth, ({ pending, lost }) => pending === 0 && lost === 3)
    })
    await pushBlobs(berth, ['d', 'e'])
    await removeUpTo(berth, 4)
    await whileSending(berth, async () => {
      await untilState(berth, ({ pending, lost }) => pending === 0 && lost === 4)
    })

    expect(digestsOf(receiver)).toHaveLength(1)
  })

  async function removeUpTo(berth: BerthInProcess, number: number): Promise<void> {
    await berth.opened.metadata.write((query) => query.run('DELETE FROM event WHERE number <= ?', number))
  }
})

test('what a manifest names stands in its event where that is asked for, also when it was deleted meanwhile', async () => {
  await using berth = await start(notificationsTo(receiver.url, { includesReferences: true }))
  const image = makeImage('image', { layers: 2 })
  for (const blob of blobsOf(image)) await berth.client.pushBlob('app', blob)
  await expectStatus(await berth.client.putManifest('app', 'v1', image.manifest), 201)
  await expectStatus(await berth.client.deleteManifest('app', image.manifest.digest), 202)

  await whileSending(berth, async () => {
    await receiver.until('the delete is told', ({ events }) => events.find(({ target }) => target.tag === 'v1' && !target.digest))
  })

  const named = receiver.events.filter(({ target }) => target.references !== undefined)
  expect(named.map(({ action, target }) => [action, target.references])).toEqual([
    ['push', blobsOf(image).map(({ mediaType, bytes, digest }) => ({ mediaType, size: bytes.length, digest }))],
  ])
})
