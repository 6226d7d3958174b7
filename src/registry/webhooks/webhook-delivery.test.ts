import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { eventSettings } from '../../../test/support/notification-settings.ts'
import { poll } from '../../../test/support/processes.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { loseDatabase as removeDatabase } from '../../../test/support/test-root.ts'
import { WebhookReceiver } from '../../../test/support/webhook-receiver.ts'
import { insertEvents } from '../../metadata/events/events.ts'
import { listDeliveries } from '../../metadata/webhooks/deliveries.ts'
import { listWebhookRows } from '../../metadata/webhooks/webhooks.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import { newEvent } from '../events/content-event.ts'
import { removeOldEvents } from '../events/event-keeping.ts'
import { resolveWithSystem } from './allowed-address.ts'
import { WebhookDuty } from './webhook-duty.ts'
import { WebhookRecords } from './webhook-records.ts'
import type { WebhookPatience } from './webhook-retries.ts'
import { WebhookSender } from './webhook-sender.ts'
import { newWebhookSecret } from './webhook-signature.ts'

setDefaultTimeout(120_000)

const NOBODY = { name: undefined, address: undefined, requestId: undefined }
const APP = findRepositoryName('app') as RepositoryName
const PATIENCE: WebhookPatience = { pausesMs: [1, 1], failuresInARow: 3, awayMs: [20, 40], answerWithinMs: 60_000 }

let folder: TemporaryFolder
let berth: BerthInProcess
let ending: AbortController
let running: Promise<unknown>
let receiver: WebhookReceiver
beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'), { notifications: eventSettings() })
  receiver = new WebhookReceiver()
  running = Promise.resolve()
  ending = new AbortController()
})
afterEach(async () => {
  await stop()
  receiver[Symbol.dispose]()
  await berth.stop()
  folder[Symbol.dispose]()
})

const webhooks = () => {
  if (berth.registry.notifications === undefined) throw new Error('there are no events')
  return berth.registry.notifications.webhooks
}

/** What the process does that has the duty. */
function begin(patience = PATIENCE): void {
  const { storage, opened, log } = berth
  const { metadata } = opened
  const rules = { allowsLoopback: true, resolve: resolveWithSystem }
  const sender = new WebhookSender({
    ...rules,
    answerWithinMs: patience.answerWithinMs,
    envelope: async () => ({ contentType: 'application/json', text: '{}' }),
  })
  const duty = new WebhookDuty({ metadata, records: new WebhookRecords(storage), sender, patience, log })
  ending = new AbortController()
  running = duty.run(ending.signal).catch((error: unknown) => error)
}

async function stop(): Promise<void> {
  ending.abort(new Error('stopped by the test'))
  await running
}

async function add(name: string, url = receiver.url): Promise<void> {
  const rest = { format: 'cloudevents', secret: newWebhookSecret(), repositories: [], tag: undefined, kinds: undefined } as const
  await webhooks().add({ name, url, ...rest }, 'alice')
}

/** Gives the ids of the events. */
async function happen(count: number): Promise<string[]> {
  const events = Array.from({ length: count }, () =>
    newEvent({ action: 'push', kind: 'blob', repository: APP }, NOBODY, 'process'),
  )
  await berth.opened.metadata.write((query) => insertEvents(query, events))
  return events.map(({ id }) => id)
}

const read = () => berth.opened.metadata.read
const deliveries = async (name: string) => await listDeliveries(read(), name, { state: undefined, limit: 1_000 })

async function settled(name: string, state: string, count: number): Promise<void> {
  await poll(`${count} deliveries are ${state}`, 60_000, async () =>
    (await deliveries(name)).filter((delivery) => delivery.state === state).length === count ? true : undefined,
  )
}

test('a webhook has every event from its making on, in order, and what became of it is shown', async () => {
  await happen(3)
  await add('ci')
  begin()

  const ids = await happen(250)
  await receiver.until('all have come', ({ ids: come }) => (come.length >= 250 ? true : undefined))
  await poll('the last is noted', 60_000, async () => ((await deliveries('ci'))[0]?.event === ids.at(-1) ? true : undefined))

  expect(receiver.ids).toEqual(ids)
  expect(await deliveries('ci')).toHaveLength(100)
  const [newest] = await deliveries('ci')
  expect(newest).toMatchObject({
    event: ids.at(-1),
    kind: 'blob.push',
    about: 'app',
    state: 'done',
    attempts: 1,
    answer: '202 Accepted',
  })
})

test('an event that is refused is tried again beside the others, and set aside after the last try', async () => {
  await add('ci')
  const [refused = '', ...others] = await happen(5)
  receiver.answers = ({ headers }) => (headers['webhook-id'] === refused ? 400 : 202)
  begin()

  await settled('ci', 'aside', 1)
  await receiver.until('the others have come', ({ ids }) => (ids.length >= 4 ? true : undefined))
  expect(receiver.ids).toEqual(others)
  expect(receiver.asked).toBe(4 + 3)
  expect(await webhooks().deliveries('ci', { state: 'aside', limit: 10 })).toMatchObject([
    { event: refused, attempts: 3, answer: '400 Bad Request', nextMs: null },
  ])

  receiver.answers = () => 202
  expect(await webhooks().replayAside('ci')).toBe(1)
  await receiver.until('it has come', ({ ids }) => (ids.at(-1) === refused ? true : undefined))
  await settled('ci', 'aside', 0)
})

test('a receiver that is away holds up its own events alone, and has them in order when it is back', async () => {
  using other = new WebhookReceiver()
  await add('away')
  await add('well', other.url)
  receiver.answers = () => 503
  begin({ ...PATIENCE, pausesMs: [60_000] })

  const ids = await happen(50)
  await other.until('the other has all', ({ ids: come }) => (come.length >= 50 ? true : undefined))
  await receiver.until('it was asked', ({ asked }) => (asked >= 3 ? true : undefined))
  expect(other.ids).toEqual(ids)
  receiver.answers = () => 202
  await receiver.until('the rest has come', ({ ids: come }) => (come.at(-1) === ids.at(-1) ? true : undefined))

  // Those that it was asked to take while it was away wait for their next try.
  const waiting = await webhooks().deliveries('away', { state: 'waiting', limit: 50 })
  expect(receiver.ids).toEqual(ids.filter((id) => !waiting.some(({ event }) => event === id)))
  expect(waiting.length).toBeLessThan(10)
  await stop()
  expect((await listWebhookRows(read()))[0]).toMatchObject({ name: 'away', failingMs: null, lost: 0 })
})

test('a replay sends again what happened from a moment on, with the same ids', async () => {
  await add('ci')
  begin()
  const ids = await happen(10)
  await settled('ci', 'done', 10)
  await berth.opened.metadata.write((query) => query.run('UPDATE event SET at_ms = at_ms - 3600000 WHERE number <= 4'))

  expect(await webhooks().replayFrom('ci', Date.now() - 1_800_000)).toBe(6)
  await receiver.until('they have come again', ({ ids: come }) => (come.length >= 16 ? true : undefined))

  expect(receiver.ids).toEqual([...ids, ...ids.slice(4)])
  expect(await webhooks().replayFrom('ci', Date.now() + 1_000)).toBe(0)
})

test('what was not sent when the process ended is sent by the next one', async () => {
  await add('ci')
  const ids = await happen(3)
  begin()
  await receiver.until('all have come', ({ ids: come }) => (come.length >= 3 ? true : undefined))
  await stop()
  const more = await happen(3)
  begin()

  // One whose answer was under way comes again.
  await receiver.until('the others have come', ({ ids: come }) => (new Set(come).size >= 6 ? true : undefined))
  expect([...new Set(receiver.ids)]).toEqual([...ids, ...more])
})

test('a webhook is told of what it asks for, and events that went are counted', async () => {
  await add('ci')
  await happen(4)
  await removeOldEvents(berth.opened.metadata, { keepMs: 0, sizeBytes: 0 }, ending.signal)
  begin()
  await happen(1)
  await receiver.until('one has come', ({ ids: come }) => (come.length >= 1 ? true : undefined))
  await stop()

  expect((await webhooks().list()).webhooks).toMatchObject([
    { webhook: { name: 'ci', by: 'alice' }, lost: 4, waiting: 0, aside: 0 },
  ])
})

test('webhooks are in the storage: they outlive the metadata, keep their secrets, and are forgotten when they are removed', async () => {
  await add('ci')
  const [before] = (await webhooks().list()).webhooks
  await add('gone')
  await webhooks().remove('gone')
  await expect(webhooks().remove('gone')).rejects.toThrow('There is no webhook "gone"')
  await expect(add('ci')).rejects.toThrow('There is a webhook ci already')
  await expect(add('bad', 'http://169.254.169.254/latest')).rejects.toThrow('never go to')
  await berth.stop()
  removeDatabase(folder.join('data'))
  berth = await BerthInProcess.start(folder.join('data'), { notifications: eventSettings() })

  const { webhooks: found } = await webhooks().list()
  expect(found.map(({ webhook }) => ({ ...webhook, mark: '' }))).toEqual([{ ...before?.webhook, mark: '' }] as never)
  begin()
  const ids = await happen(1)
  await receiver.until('it goes on', ({ ids: come }) => (come.length >= 1 ? true : undefined))
  expect(receiver.ids).toEqual(ids)
})
