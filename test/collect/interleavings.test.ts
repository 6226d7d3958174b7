import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, rmSync } from 'node:fs'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { bytes, imagePlaces, link, missing, revision } from '../support/collected-places.ts'
import { collect, collectAll, DAY_MS, HOUR_MS, MINUTE_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { Gate, holdFirst } from '../support/gate.ts'
import type { DiskHook } from '../support/held-disk.ts'
import { blobsOf, type Content, contentOf, type Image, makeImage } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** What may happen beside the collector, by the numbers of docs/collector.md. */

setDefaultTimeout(120_000)
const REVISION_COMES = /^rename berth\/staging.*_manifests\/revisions/
const REVISION_GOES = /^rename docker.*_manifests\/revisions\/sha256\/[0-9a-f]{64} /
const image = makeImage('kept', { layers: 1 })
const next = makeImage('next', { layers: 1 })
const [layer] = image.layers as readonly [Content]

let folder: TemporaryFolder
let data: string
let hook: DiskHook
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  data = folder.join('data')
  await start()
  await passTime(berth, HOUR_MS)
})
afterEach(async () => {
  await berth.stop()
  folder[Symbol.dispose]()
})

async function start(): Promise<void> {
  hook = () => undefined
  berth = await BerthInProcess.start(data, { collector: TEST_POLICY, hook: (call, phase) => hook(call, phase) })
  await berth.scan()
}

async function push(pushed: Image, reference: string): Promise<void> {
  for (const blob of blobsOf(pushed)) await berth.client.pushBlob('app', blob)
  await expectStatus(await berth.client.putManifest('app', reference, pushed.manifest), 201)
}

async function expectWhole(client: RegistryClient, pulled: Image, reference = pulled.manifest.digest): Promise<void> {
  await expectStatus(await client.getManifest('app', reference), 200)
  for (const { digest, bytes } of blobsOf(pulled))
    expect(await (await expectStatus(await client.getBlob('app', digest), 200)).bytes()).toEqual(bytes)
}

function pathOf(place: string): string {
  return `${data}/docker/registry/v2/${place}`
}

test('8: a push that fails after its plan, beside another one of the same manifest, takes nothing from it', async () => {
  for (const blob of blobsOf(image)) await berth.client.pushBlob('app', blob)
  const gate = new Gate()
  const held = holdFirst(gate, 'before', REVISION_COMES)
  hook = (call, phase) => held(call, phase)?.then(() => Promise.reject(new Error('the disk did not take it')))
  const failing = berth.client.putManifest('app', 'failing', image.manifest)
  await gate.reached()
  const other = new Gate()
  hook = holdFirst(other, 'before', REVISION_COMES)
  const pushing = berth.client.putManifest('app', 'latest', image.manifest)
  await other.reached()

  gate.open()
  expect((await failing).status).toBe(500)
  await passTime(berth, DAY_MS)
  await collect(berth)
  await passTime(berth, HOUR_MS)
  await collect(berth)
  other.open()

  expect((await pushing).status).toBe(201)
  await collectAll(berth)
  await expectWhole(berth.client, image, 'latest')
})

test('8: what only a push named that failed after its plan has a grace from then on, and goes', async () => {
  for (const blob of blobsOf(image)) await berth.client.pushBlob('app', blob)
  hook = (call, phase) =>
    phase === 'before' && REVISION_COMES.test(call) ? Promise.reject(new Error('the disk did not take it')) : undefined
  expect((await berth.client.putManifest('app', 'failing', image.manifest)).status).toBe(500)
  hook = () => undefined
  await berth.sweep()

  await collectAll(berth)

  expect(missing(data, imagePlaces('app', image))).toEqual([...imagePlaces('app', image)])
})

test.each(['app', ''])('13: a mount from %p of a layer whose bytes have gone asks for an upload', async (from) => {
  await push(image, 'latest')
  rmSync(pathOf(bytes(layer)))

  expect(await berth.client.mountBlob('other', layer.digest, from)).toBe(202)

  expect(missing(data, [link('other', layer)])).toHaveLength(1)
})

test('26: an untagged manifest that a command has condemned stays when a tag is put on it within the window', async () => {
  await push(image, 'latest')
  await push(next, 'latest')
  await commandBesideServer()
  await passTime(berth, HOUR_MS - MINUTE_MS)

  await expectStatus(await berth.client.putManifest('app', 'kept', image.manifest), 201)
  await collectAll(berth)

  await expectWhole(berth.client, image, 'kept')
})

test('26: a tag that is put on a manifest while it is being removed leads to a whole image', async () => {
  await push(image, 'latest')
  await push(next, 'latest')
  await commandBesideServer()
  await passTime(berth, HOUR_MS)
  const gate = new Gate()
  hook = holdFirst(gate, 'before', REVISION_GOES)
  const collected = collect(berth)
  await gate.reached()
  const tagged = berth.client.putManifest('app', 'kept', image.manifest)

  gate.open()
  await collected

  expect((await tagged).status).toBe(201)
  await collectAll(berth)
  await expectWhole(berth.client, image, 'kept')
})

test('36: a blob of which only the row is left is forgotten as one that was removed', async () => {
  const orphan = contentOf('', Buffer.from('a blob without bytes'))
  await berth.client.pushBlob('app', orphan)
  rmSync(pathOf(bytes(orphan)))

  await collectAll(berth)

  expect(missing(data, [link('app', orphan)])).toHaveLength(1)
  expect(await berth.opened.metadata.read.get('SELECT 1 FROM blob WHERE digest = ?', orphan.digest)).toBeUndefined()
  expect(berth.log.lines.filter(({ level }) => level === 'error')).toEqual([])
})

test('47: a backup that was restored under a kept database is served, and all of it has its time', async () => {
  await push(image, 'latest')
  await berth.stop()
  cpSync(`${data}/docker`, folder.join('backup'), { recursive: true })
  await start()
  await expectStatus(await berth.client.deleteManifest('app', image.manifest.digest), 202)
  await push(next, 'latest')
  await collectAll(berth)
  expect(missing(data, imagePlaces('app', image))).toEqual([...imagePlaces('app', image)])
  await berth.stop()

  rmSync(`${data}/docker`, { recursive: true })
  cpSync(folder.join('backup'), `${data}/docker`, { recursive: true })
  await start()

  await expectWhole(berth.client, image, 'latest')
  expect((await berth.client.headManifest('app', next.manifest.digest)).status).toBe(404)
  await collectAll(berth)
  await expectWhole(berth.client, image, 'latest')
})

test('28: of a tag that moves a hundred times only the last image is served by it, and a command frees the others', async () => {
  const builds = Array.from({ length: 100 }, (_, number) => makeImage(`build ${number}`, { layers: 1 }))
  for (const build of builds) await push(build, 'latest')
  await collectAll(berth)
  expect(missing(data, imagePlaces('app', ...builds))).toEqual([])

  await commandBesideServer()
  await collectAll(berth)

  const last = builds.at(-1) ?? image
  await expectWhole(berth.client, last, 'latest')
  const [gone, kept] = [builds.slice(0, -1), [last]]
  expect(
    missing(
      data,
      gone.map(({ manifest }) => revision('app', manifest)),
    ),
  ).toHaveLength(99)
  expect(missing(data, imagePlaces('app', ...kept))).toEqual([])
  expect(
    missing(
      data,
      gone.flatMap((build) => build.layers.map(bytes)),
    ),
  ).toHaveLength(99)
})

/** What `garbage-collect -m` does beside a server. */
async function commandBesideServer(): Promise<void> {
  const told = { repository: ignore, marksManifest: ignore, marksBlob: ignore, untagged: ignore }
  const times = { graceMs: DAY_MS, windowMs: HOUR_MS }
  const signal = new AbortController().signal
  await berth.registry.commandCollection.run({ removesUntagged: true, dryRun: false, ...times, told, signal, onPlan: ignore })
}

function ignore(): void {
  // The lines are another test's.
}

describeWith({ programs: [PEER_PROGRAM] }, 'beside registry:2', () => {
  test('41: a layer of which registry:2 said that it is there stays for a manifest that is pushed at Berth', async () => {
    for (const blob of blobsOf(image)) await berth.client.pushBlob('app', blob)
    await passTime(berth, DAY_MS)
    await collect(berth)
    await berth.stop()
    {
      await using peer = await startPeer({ folder, dataDirectory: data })
      for (const { digest } of blobsOf(image)) await expectStatus(await new RegistryClient(peer.url).headBlob('app', digest), 200)
    }
    await start()

    await collect(berth)
    await passTime(berth, HOUR_MS - MINUTE_MS)
    await collect(berth)

    await expectStatus(await berth.client.putManifest('app', 'latest', image.manifest), 201)
    await collectAll(berth)
    await expectWhole(berth.client, image, 'latest')
  })
})
