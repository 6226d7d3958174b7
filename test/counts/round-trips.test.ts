import { expect, test } from 'bun:test'
import { LIMITS, PostgresMetadata } from '../../src/metadata/postgres/postgres.ts'
import { prepareDatabase } from '../../src/metadata/postgres/set-up.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { blobsOf, type Content, contentOf, fixedBytes, jsonContent, makeImage, makeImageIndex } from '../support/images.ts'
import { eventSettings } from '../support/notification-settings.ts'
import { describeOnPostgres } from '../support/postgres-suite.ts'
import { expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const HELD_BACK_MS = 15
const image = makeImage('image', { layers: 10 })
const index = makeImageIndex([image])
const [layer] = blobsOf(image).slice(1)

/** What a request may ask of the server at most: exchanges, of which none begins before the one before it has been answered. */
const MOST: Readonly<Record<string, number>> = {
  'manifest GET by tag': 1,
  'manifest GET by digest': 1,
  'manifest HEAD': 1,
  '20 manifest GETs at once': 2,
  'blob GET': 1,
  '20 blob GETs at once': 2,
  'blob HEAD, not there': 1,
  'POST that begins an upload': 1,
  'POST that cannot mount': 2,
  'manifest PUT, 10 layers': 7,
  'image index PUT': 7,
  'layer: POST, PATCH, PUT': 14,
  'POST that mounts': 8,
}

/** Each of them with something new each time. */
const WORK: Readonly<Record<string, (client: RegistryClient, time: number) => Promise<unknown>>> = {
  'manifest GET by tag': async (client) => await read(client.getManifest('app', 'latest')),
  'manifest GET by digest': async (client) => await read(client.getManifest('app', image.manifest.digest)),
  'manifest HEAD': async (client) => await read(client.headManifest('app', 'latest')),
  'blob GET': async (client) => await read(client.getBlob('app', layer?.digest ?? '')),
  '20 manifest GETs at once': (client) => atOnce(() => read(client.getManifest('app', 'latest'))),
  '20 blob GETs at once': (client) => atOnce(() => read(client.getBlob('app', layer?.digest ?? ''))),
  'blob HEAD, not there': async (client, time) =>
    await expectStatus(await client.headBlob('app', bytesOf(50 + time).digest), 404),
  'POST that begins an upload': async (client) => await client.startUpload('app'),
  'POST that cannot mount': async (client) => expect(await client.mountBlob('app', bytesOf(9).digest, 'other')).toBe(202),
  'manifest PUT, 10 layers': async (client, time) => await put(client, `v${time}`, variant(image.manifest, time)),
  'image index PUT': async (client, time) => await put(client, `i${time}`, variant(index.manifest, time)),
  'layer: POST, PATCH, PUT': async (client, time) => {
    const { digest, bytes } = bytesOf(100 + time)
    const patched = await client.appendUpload(await client.startUpload('app'), bytes)
    await expectStatus(await client.closeUpload(patched, digest), 201)
  },
  'POST that mounts': async (client, time) =>
    expect(await client.mountBlob('other', blobsOf(image)[2 + time]?.digest ?? '', 'app')).toBe(201),
}

describeOnPostgres('a registry over PostgreSQL', (server) => {
  test('asks it a few times for each request', async () => {
    using folder = new TemporaryFolder({ inMemory: true })
    const place = server().place()
    await prepareDatabase(place, LIMITS, { store: 'store' })
    await using proxy = await TcpProxy.start(server().port, { answersAfterMs: HELD_BACK_MS })
    const metadata = new PostgresMetadata({ place: { ...place, server: { host: '127.0.0.1', port: proxy.port } } })
    const options = { metadata: () => metadata, notifications: eventSettings() }
    await using berth = await BerthInProcess.start(folder.join('data'), options)
    await berth.scan()
    for (const content of blobsOf(image)) await berth.client.pushBlob('app', content)
    await put(berth.client, 'latest', image.manifest)
    await berth.client.pushBlob('other', bytesOf(8))

    const counts = new Map<string, number>()
    for (const [name, run] of Object.entries(WORK)) {
      // A connection prepares the statements that it is asked for the first time.
      for (let time = 0; time < 3; time += 1) await run(berth.client, time)
      // In a cluster there is always another one who changes something.
      await berth.client.startUpload('other')
      const before = proxy.exchanges
      await run(berth.client, 3)
      counts.set(name, proxy.exchanges - before)
    }

    expect([...counts].filter(([name, count]) => count > (MOST[name] ?? 0))).toEqual([])
    expect([...counts.values()]).not.toContain(0)
    await metadata.close()
  }, 60_000)
})

async function atOnce(work: () => Promise<unknown>): Promise<void> {
  await Promise.all(Array.from({ length: 20 }, work))
}

async function read(answer: Promise<Response>): Promise<void> {
  await (await expectStatus(await answer, 200)).arrayBuffer()
}

async function put(client: RegistryClient, tag: string, manifest: Content): Promise<void> {
  await expectStatus(await client.putManifest('app', tag, manifest), 201)
}

function bytesOf(length: number): Content {
  return contentOf('application/octet-stream', fixedBytes(length))
}

/** The same parts in another manifest. */
function variant({ mediaType, bytes }: Content, time: number): Content {
  const manifest = JSON.parse(new TextDecoder().decode(bytes)) as object
  return jsonContent(mediaType, { ...manifest, annotations: { time: `${time}` } })
}
