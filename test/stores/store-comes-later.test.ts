import { expect, test } from 'bun:test'
import { connect, createServer, type Server } from 'node:net'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { processCounts } from '../support/effort.ts'
import { freePort } from '../support/free-port.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { STORE_START_MS } from '../support/object-store.ts'
import { BackgroundProgram, environmentIn, poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { registryConfig } from '../support/registry-config.ts'
import { describeWith } from '../support/requirements.ts'
import { ObjectStore, placeOf } from '../support/store-server.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const SOON_MS = 90_000

describeWith({ programs: ['versitygw'] }, 'an object store that comes later than Berth', () => {
  test.each(processCounts('a store that comes later'))(
    'is waited for by %i process(es): 503, not ready, and served once store and bucket are there',
    async (processes) => {
      using folder = new TemporaryFolder()
      const [port, storePort] = [await freePort(), await freePort()]
      // The store may serve other tests.
      const bucket = `later-${crypto.randomUUID()}`
      await using berth = await serve(folder, { port, storePort, processes, bucket })
      const client = new RegistryClient(`http://127.0.0.1:${port}`)

      const [store] = await Promise.all([ObjectStore.start('versitygw'), expectWaiting(client)])
      await using _store = store
      await using _front = await forward(storePort, new URL(store.endpoint))
      await berth.waitForOutput(/the object store answered .*NoSuchBucket/, SOON_MS)
      await expectWaiting(client)
      await store.newBucket(bucket)

      await berth.waitForOutput(/msg="listening"/, SOON_MS)
      const image = makeImage('kept')
      for (const blob of blobsOf(image)) await client.pushBlob('kept', blob)
      await expectStatus(await client.putManifest('kept', 'latest', image.manifest), 201)
      expect((await client.request('GET', '/readyz')).status).toBe(200)
    },
    STORE_START_MS,
  )

  test.each(processCounts('a stop before the store comes'))(
    'is no reason for %i process(es) to stay when they are asked to end',
    async (processes) => {
      using folder = new TemporaryFolder()
      const [port, storePort] = [await freePort(), await freePort()]
      await using berth = await serve(folder, { port, storePort, processes, bucket: 'images' })
      await expectWaiting(new RegistryClient(`http://127.0.0.1:${port}`))

      expect(await berth.stop()).toBe(0)
    },
    SOON_MS,
  )
})

interface Served {
  readonly port: number
  readonly storePort: number
  readonly processes: number
  readonly bucket: string
}

async function serve(folder: TemporaryFolder, { port, storePort, processes, bucket }: Served) {
  const text = registryConfig(placeOf(`http://127.0.0.1:${storePort}`, bucket)).replace('127.0.0.1:0', `127.0.0.1:${port}`)
  const environment = {
    ...environmentIn(folder.path),
    STATE_DIRECTORY: folder.join('state'),
    BERTH_PROCESSES: String(processes),
  }
  return new BackgroundProgram([BERTH_PROGRAM, 'serve', await folder.file('config.yml', text)], { environment })
}

async function expectWaiting(client: RegistryClient): Promise<void> {
  const ready = await poll('it answers', SOON_MS, async () => await client.request('GET', '/readyz').catch(() => undefined))
  const asked = await client.request('GET', '/v2/')

  expect([ready.status, asked.status, (await client.request('GET', '/livez')).status]).toEqual([503, 503, 200])
  expect(await ready.json()).toMatchObject({ ready: false, waiting: { storage: expect.any(String) } })
  expect(asked.headers.get('retry-after')).not.toBeNull()
  expect(await asked.json()).toMatchObject({
    errors: [{ code: 'UNAVAILABLE', message: expect.stringContaining('waits for its storage') }],
  })
}

/** The store at an address that was known before it was there, as a name of a compose file is. */
async function forward(port: number, { hostname, port: target }: URL): Promise<AsyncDisposable> {
  const sockets = new Set<{ destroy(): void }>()
  const server: Server = createServer((client) => {
    const store = connect({ host: hostname, port: Number(target) })
    client.pipe(store).pipe(client)
    for (const socket of [client, store]) {
      sockets.add(socket)
      socket.on('error', () => [client, store].map((end) => end.destroy()))
    }
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
