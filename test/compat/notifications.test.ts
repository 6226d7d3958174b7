import { expect, setDefaultTimeout, test } from 'bun:test'
import { hostname } from 'node:os'
import { startBerth } from '../support/berth-process.ts'
import { EventReceiver, type ReceivedEvent } from '../support/event-receiver.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { AuthorizedClient, expectStatus } from '../support/registry-client.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { describeWith } from '../support/requirements.ts'
import { ObjectStore } from '../support/store-server.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { OWN_OPERATIONS, TOLD_OPERATIONS, type ToldOperation } from '../support/told-operations.ts'

setDefaultTimeout(180_000)

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/
const LAST = 'the last pull'

/** As people write it: the second endpoint ignores what registry:2 ignores too, for which it must name a media type. */
function notifications(all: EventReceiver, some: EventReceiver): string {
  return `auth:
  htpasswd: {realm: test, path: HTPASSWD}
notifications:
  events: {includereferences: true}
  endpoints:
    - name: all
      url: ${all.url}?of=all
      headers: {Authorization: [Bearer secret], X-Told: [one, two]}
      timeout: 5s
      threshold: 3
      backoff: 1s
    - name: some
      url: ${some.url}
      timeout: 5s
      threshold: 3
      backoff: 1s
      ignoredmediatypes: [application/octet-stream]
      ignore: {mediatypes: [application/vnd.docker.distribution.manifest.v2+json], actions: [pull, delete]}
    - {name: off, disabled: true, url: "http://127.0.0.1:1/"}
`
}

interface Told {
  readonly all: readonly ReceivedEvent[]
  readonly some: readonly ReceivedEvent[]
  /** Of one of the notifications. */
  readonly headers: Headers
  readonly path: string
  readonly texts: readonly string[]
}

/** What a registry tells of the operations. The last of them is a pull: what was done before it is told before. */
async function tell(operations: readonly ToldOperation[], start: Start): Promise<Told> {
  using folder = new TemporaryFolder()
  using all = new EventReceiver()
  using some = new EventReceiver()
  const users = await folder.file('htpasswd', `alice:${await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 5 })}\n`)
  await using registry = await start(folder, notifications(all, some).replace('HTPASSWD', users))
  const authorization = `Basic ${btoa('alice:secret')}`
  for (const [title, work] of operations) {
    const answer = await work(new AuthorizedClient(registry.url, { authorization, 'user-agent': title }))
    if (answer instanceof Response) await answer.bytes()
  }
  const last = new AuthorizedClient(registry.url, { authorization, 'user-agent': LAST })
  await expectStatus(await last.headManifest('app', 'v1'), 200)
  await all.until('the last event comes', ({ events }) => events.find(({ request }) => request.useragent === LAST))
  const [first] = all.notifications
  if (first === undefined) throw new Error('nothing was told')
  const texts = all.notifications.map(({ text }) => text)
  return { ...{ all: all.events, some: some.events, texts }, ...{ headers: first.headers, path: first.path } }
}

type Start = (folder: TemporaryFolder, moreConfig: string) => Promise<Pick<RegistryProcess, 'url'> & AsyncDisposable>

const startRegistry2: Start = async (folder, moreConfig) =>
  await startPeer({ folder, dataDirectory: folder.join('data'), moreConfig })
const startOnDirectory: Start = async (folder, moreConfig) => await startBerth({ folder, moreConfig })
const startOnBucket: Start = async (folder, moreConfig) => {
  const resources = new AsyncDisposableStack()
  const store = resources.use(await ObjectStore.start('versitygw'))
  const berth = await startBerth({ folder, dataDirectory: await store.newBucket(), moreConfig })
  const { url } = resources.use(berth)
  return { url, [Symbol.asyncDispose]: async () => await resources.disposeAsync() }
}

/** What comes of each operation, without what is another one each time; that is checked on the way. */
function byOperation(events: readonly ReceivedEvent[]): Readonly<Record<string, readonly unknown[]>> {
  const grouped = Object.groupBy(events, ({ request }) => request.useragent ?? '')
  return Object.fromEntries(Object.entries(grouped).map(([title, of = []]) => [title, inOneOrder(of).map(withoutChance)]))
}

/** registry:2 tells the tags that go with an image in the order in which the file system lists them, which ext4 draws anew for each disk. */
function inOneOrder(events: readonly ReceivedEvent[]): readonly ReceivedEvent[] {
  const tagOf = ({ target: { tag } }: ReceivedEvent) => (typeof tag === 'string' ? tag : '')
  if (!events.every(({ action }) => action === 'delete')) return events
  return events.toSorted((a, b) => tagOf(a).localeCompare(tagOf(b)))
}

function withoutChance(event: ReceivedEvent): unknown {
  const { id, timestamp, target, request, source, ...others } = event
  const { id: requestId, addr, host = '', ...ofRequest } = request
  expect([id, source.instanceID]).toEqual([expect.stringMatching(UUID), expect.stringMatching(UUID)])
  expect(timestamp).toMatch(RFC_3339)
  expect(requestId).toMatch(/^[0-9a-f-]{16,36}$/)
  expect(addr).toMatch(/^127\.0\.0\.1(:\d+)?$/)
  expect(host).toMatch(/^127\.0\.0\.1:\d+$/)
  expect(source.addr).toBe(`${hostname()}:0`)
  const fields = {
    event: Object.keys(event),
    request: Object.keys(request),
    source: Object.keys(source),
    target: Object.keys(target),
  }
  const url = typeof target.url === 'string' ? target.url.replace(host, 'HOST') : undefined
  return { ...others, target: { ...target, url }, request: ofRequest, fields }
}

describeWith({ programs: [PEER_PROGRAM, 'versitygw'] }, 'With the same notifications', () => {
  test('registry:2 and Berth tell the same of the same operations, field by field and in the same order', async () => {
    const [two, berth, onBucket] = await Promise.all([
      tell(TOLD_OPERATIONS, startRegistry2),
      tell(TOLD_OPERATIONS, startOnDirectory),
      tell(TOLD_OPERATIONS, startOnBucket),
    ])

    expect(TOLD_OPERATIONS.length).toBeGreaterThan(40)
    expect(byOperation(berth.all)).toEqual(byOperation(two.all))
    expect(byOperation(onBucket.all)).toEqual(byOperation(two.all))
    expect(byOperation(berth.some)).toEqual(byOperation(two.some))
    expect(new Set(berth.all.map(({ id }) => id)).size).toBe(berth.all.length)
    expect(berth.path).toBe(two.path)
    for (const name of ['content-type', 'authorization', 'x-told'])
      expect([name, berth.headers.get(name)]).toEqual([name, two.headers.get(name)])
  })

  test('what only Berth does, or does in another way, is told in the same form', async () => {
    const known = new Set(TOLD_OPERATIONS.map(([title]) => title))
    const { all } = await tell([...TOLD_OPERATIONS, ...OWN_OPERATIONS], startOnDirectory)

    const told = Object.entries(byOperation(all)).filter(([title]) => !known.has(title) && title !== LAST)
    const shown = told.map(([title, events]) => [title, events.map((event) => shortOf(event as ReceivedEvent))])
    expect(Object.fromEntries(shown)).toEqual({
      'a blob in one POST': ['push app'],
      'a mount from anywhere': ['mount own from app'],
      'an image by digest and two tags': ['push app one', 'push app two'],
      'a delete of a tag': ['delete app stable'],
      'an undelete': ['push app stable'],
    })
  })
})

function shortOf({ action, target }: ReceivedEvent): string {
  const { repository, tag, fromRepository } = target
  return [
    action,
    repository,
    ...(tag === undefined ? [] : [tag]),
    ...(fromRepository === undefined ? [] : ['from', fromRepository]),
  ].join(' ')
}
