import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readdir, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf } from '../../src/oci/digest.ts'
import { startBerth } from '../support/berth-process.ts'
import { contentOf, fixedBytes } from '../support/images.ts'
import { MountedFileSystem } from '../support/mounts.ts'
import { describeOnStores } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { StoreProxy } from '../support/store-proxy.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** `storage.s3.cache` of a Berth with two processes, before a real store whose requests are counted. */

setDefaultTimeout(300_000)
const MIB = 1024 * 1024

describeOnStores('the cache of a bucket', (store) => {
  let folder: TemporaryFolder
  let proxy: StoreProxy
  let number = 0

  beforeAll(async () => {
    folder = new TemporaryFolder()
    proxy = await StoreProxy.start(store().endpoint)
  })
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  /** On a bucket that is the same for all that a test starts. */
  async function start(directory: string, bucket: Awaited<ReturnType<ReturnType<typeof store>['newBucket']>>) {
    const section = `    cache:\n      directory: ${directory}\n      maxsize: ${20 * MIB}\n`
    return await startBerth({ folder, processes: 2, dataDirectory: { ...bucket, endpoint: proxy.endpoint, section } })
  }

  function newLayer(bytes = 5 * MIB) {
    number += 1
    const content = fixedBytes(bytes)
    new DataView(content.buffer).setUint32(0, number)
    return contentOf('application/octet-stream', content)
  }

  /** What a pull gives, and which requests to the store are about the bytes of the blob. */
  async function pull(client: RegistryClient, digest: string, headers: Record<string, string> = {}) {
    proxy.takeCounts()
    const response = await client.getBlob('app', digest, headers)
    const received: string = digestOf('sha256', await response.bytes())
    const key = new RegExp(`${digest.replace('sha256:', '')}/data$`)
    const requests = proxy.seen.filter((seen) => key.test(seen.key)).map(({ action }) => action)
    return { status: response.status, length: response.headers.get('content-length'), received, requests }
  }

  async function kept(directory: string, count: number): Promise<readonly string[]> {
    return await poll(`${count} files in the cache`, 90_000, async () => {
      const entries = await readdir(join(directory, 'whole'), { recursive: true, withFileTypes: true }).catch(() => [])
      const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
      return files.length === count ? files : undefined
    })
  }

  test('answers the second pull and parts of it without reading from the store, also after a restart', async () => {
    const directory = folder.join(`cache-${crypto.randomUUID()}`)
    const bucket = await store().newBucket()
    const layer = newLayer()
    await using berth = await start(directory, bucket)
    const client = new RegistryClient(berth.url)
    await client.pushBlob('app', layer)

    const first = await pull(client, layer.digest)
    await kept(directory, 1)
    const second = await pull(client, layer.digest)
    const part = await pull(client, layer.digest, { range: 'bytes=100-4000099' })
    await berth.stop()
    await using again = await start(directory, bucket)
    const third = await pull(new RegistryClient(again.url), layer.digest)

    const whole = { status: 200, length: String(5 * MIB), received: layer.digest }
    expect(first).toEqual({ ...whole, requests: ['HeadObject', 'GetObject'] })
    expect(second).toEqual({ ...whole, requests: ['HeadObject'] })
    expect(part).toMatchObject({ status: 206, length: '4000000', requests: ['HeadObject'] })
    expect(part.received).toBe(digestOf('sha256', layer.bytes.slice(100, 4_000_100)))
    expect(third).toEqual({ ...whole, requests: expect.not.arrayContaining(['GetObject']) })
  })

  test('gives no blob that was deleted, and no copy that was damaged', async () => {
    const directory = folder.join(`cache-${crypto.randomUUID()}`)
    const [deleted, damaged] = [newLayer(), newLayer()]
    await using berth = await start(directory, await store().newBucket())
    const client = new RegistryClient(berth.url)
    for (const layer of [deleted, damaged]) await client.pushBlob('app', layer)
    for (const layer of [deleted, damaged]) await pull(client, layer.digest)
    const files = await kept(directory, 2)

    await expectStatus(await client.deleteBlob('app', deleted.digest), 202)
    for (const path of files) await truncate(path, MIB)

    expect((await pull(client, deleted.digest)).status).toBe(404)
    expect(await pull(client, damaged.digest)).toMatchObject({ received: damaged.digest, requests: ['HeadObject', 'GetObject'] })
  })

  test.skipIf(process.getuid?.() !== 0)('on a full disk is nothing to those who pull (needs root)', async () => {
    await using disk = await MountedFileSystem.mount(folder, 'size=3m')
    await using berth = await start(join(disk.path, 'cache'), await store().newBucket())
    const client = new RegistryClient(berth.url)
    const layer = newLayer()
    await client.pushBlob('app', layer)

    for (let time = 0; time < 3; time += 1) {
      expect(await pull(client, layer.digest)).toMatchObject({ received: layer.digest, requests: ['HeadObject', 'GetObject'] })
    }
    await poll('nothing is left on the disk', 90_000, async () => {
      const entries = await readdir(join(disk.path, 'cache'), { recursive: true, withFileTypes: true })
      return entries.every((entry) => !entry.isFile()) || undefined
    })
    await berth.program.waitForOutput(/the cache of blobs failed, pulls go on without it/, 90_000)
  })
})
