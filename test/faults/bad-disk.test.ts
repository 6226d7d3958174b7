import { describe, expect, test } from 'bun:test'
import { open, statfs, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { layout } from '../../src/storage/layout.ts'
import { startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { freePort } from '../support/free-port.ts'
import { contentOf, makeImage } from '../support/images.ts'
import { MountedFileSystem } from '../support/mounts.ts'
import { BackgroundProgram, environmentIn } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { registryConfig } from '../support/registry-config.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const MIB = 1024 * 1024

describeWith({ programs: ['mount', 'umount'], root: true }, 'a disk that is full', () => {
  test('refuses a push clearly, serves and deletes on, loses nothing, and takes the push once there is space', async () => {
    using folder = new TemporaryFolder()
    await using disk = await MountedFileSystem.mount(folder, 'size=64m')
    await using berth = await startBerth({ folder, dataDirectory: disk.path })
    const client = new RegistryClient(berth.url)
    const image = makeImage('kept')
    await pushImage(client, 'kept', image, 'latest')
    const ballast = randomBlob(20 * MIB)
    await client.pushBlob('ballast', ballast)
    const large = randomBlob(30 * MIB)

    const refused = await pushInChunks(client, 'large', large, 4 * MIB)
    const manifest = await client.getManifest('kept', 'latest')
    const layer = await client.getBlob('kept', image.layers[0]?.digest ?? '')
    const ballastIsKept = await client.headBlob('ballast', ballast.digest)

    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).not.toBeNull()
    expect(await refused.json()).toMatchObject({ errors: [{ code: 'UNAVAILABLE', message: expect.stringContaining('full') }] })
    expect(await manifest.bytes()).toEqual(image.manifest.bytes)
    expect(await layer.bytes()).toEqual(image.layers[0]?.bytes ?? new Uint8Array())
    expect(ballastIsKept.headers.get('content-length')).toBe(String(ballast.bytes.length))

    await expectStatus(await client.deleteManifest('kept', 'latest'), 202)
    await expectStatus(await client.deleteBlob('ballast', ballast.digest), 202)
    // The collector would free it; here the operator does.
    await truncate(join(disk.path, layout.blob(ballast.digest as never)), 0)
    const again = await pushInChunks(client, 'large', randomBlob(8 * MIB), 4 * MIB)
    expect(again.status).toBe(201)
  }, 120_000)

  test('is told of on every way to write, also when many write at once, and the reserve stays for deletes', async () => {
    using folder = new TemporaryFolder()
    await using disk = await MountedFileSystem.mount(folder, 'size=64m')
    await using berth = await startBerth({ folder, dataDirectory: disk.path })
    const client = new RegistryClient(berth.url)
    const image = makeImage('kept')
    await pushImage(client, 'kept', image, 'latest')
    const session = await client.startUpload('closing')
    const large = randomBlob(20 * MIB)

    const atOnce = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const bytes = randomBlob(6 * MIB)
        return await client.request('POST', `/v2/many/blobs/uploads/?digest=${bytes.digest}`, { body: bytes.bytes.slice() })
      }),
    )
    for (let filled = true; filled; ) {
      const bytes = randomBlob(MIB)
      const path = `/v2/fill/blobs/uploads/?digest=${bytes.digest}`
      filled = (await client.request('POST', path, { body: bytes.bytes.slice() })).status === 201
    }
    const closing = await client.request('PUT', `${session}?digest=${large.digest}`, { body: large.bytes.slice() })
    const index = JSON.stringify({ schemaVersion: 2, manifests: [], annotations: { large: 'x'.repeat(2 * MIB) } })
    const type = 'application/vnd.oci.image.index.v1+json'
    const manifest = await client.request('PUT', '/v2/kept/manifests/large', { body: index, headers: { 'Content-Type': type } })

    const statuses = atOnce.map(({ status }) => status)
    expect(new Set(statuses)).toEqual(new Set([201, 503]))
    expect([closing.status, manifest.status]).toEqual([503, 503])
    const { bavail, bsize } = await statfs(disk.path)
    expect(bavail * bsize).toBeGreaterThan(15 * MIB)
    expect(await manifest.json()).toMatchObject({ errors: [{ code: 'UNAVAILABLE', message: expect.stringContaining('full') }] })
    await expectStatus(await client.request('DELETE', session), 204)
    await expectStatus(await client.deleteManifest('kept', 'latest'), 202)
  }, 120_000)

  test('to its last byte by another program still serves, refuses every push with 503, and takes all again once there is space', async () => {
    using folder = new TemporaryFolder()
    await using disk = await MountedFileSystem.mount(folder, 'size=64m')
    await using berth = await startBerth({ folder, dataDirectory: disk.path })
    const client = new RegistryClient(berth.url)
    const image = makeImage('kept')
    await pushImage(client, 'kept', image, 'latest')
    const session = (await client.request('POST', '/v2/kept/blobs/uploads/')).headers.get('location') ?? ''
    const other = join(disk.path, 'of-another-program')

    await fillToTheLastByte(other)
    const { bavail } = await statfs(disk.path)
    const pushed = randomBlob(1000)
    const push = await client.request('POST', `/v2/kept/blobs/uploads/?digest=${pushed.digest}`, { body: pushed.bytes.slice() })
    const tagged = await client.putManifest('kept', 'other', image.manifest)
    const pulled = await client.getManifest('kept', 'latest')

    expect(bavail).toBe(0)
    expect([push.status, tagged.status]).toEqual([503, 503])
    expect(await pulled.bytes()).toEqual(image.manifest.bytes)
    expect(await push.json()).toMatchObject({
      errors: [{ code: 'UNAVAILABLE', message: expect.stringContaining('full') }],
    })
    await unlink(other)
    await pushImage(client, 'kept', image, 'again')
    await expectStatus(await client.deleteManifest('kept', 'latest'), 202)
    await expectStatus(await client.request('DELETE', session), 204)
  }, 120_000)
})

describe('a file that was damaged behind the registry', () => {
  test.each([
    ['cut short', 100],
    ['emptied', 0],
  ])('a blob that was %s is not served, and the next push heals it', async (_, length) => {
    using folder = new TemporaryFolder()
    await using berth = await startBerth({ folder, dataDirectory: folder.join('data') })
    const client = new RegistryClient(berth.url)
    const blob = randomBlob(1000)
    await client.pushBlob('damaged', blob)
    await truncate(join(folder.join('data'), layout.blob(blob.digest as never)), length)

    const get = await client.getBlob('damaged', blob.digest)
    const head = await client.headBlob('damaged', blob.digest)
    const image = makeImage('uses-it')
    const mounted = await client.mountBlob('other', blob.digest, 'damaged')
    await client.pushBlob('damaged', blob)
    const healed = await client.getBlob('damaged', blob.digest)

    expect([get.status, head.status, mounted]).toEqual([404, 404, 202])
    expect(await healed.bytes()).toEqual(blob.bytes)
    expect(image.layers.length).toBeGreaterThan(0)
  })

  test('an emptied tag link is an absent tag, and the next push heals it', async () => {
    using folder = new TemporaryFolder()
    const image = makeImage('tagged')
    await withBerth(folder, async (client) => {
      await pushImage(client, 'tagged', image, 'a')
      await pushImage(client, 'tagged', image, 'b')
    })
    await writeFile(join(folder.join('data'), layout.tag('tagged' as never, 'a' as never), 'current/link'), '')

    await withBerth(folder, async (client) => {
      expect((await client.getManifest('tagged', 'a')).status).toBe(404)
      expect((await client.getManifest('tagged', 'b')).status).toBe(200)
      await expectStatus(await client.putManifest('tagged', 'a', image.manifest), 201)
      expect((await client.getManifest('tagged', 'a')).status).toBe(200)
    })
  })

  test('a manifest whose bytes were cut short is absent after a rebuild, and the next push heals it', async () => {
    using folder = new TemporaryFolder()
    const image = makeImage('cut')
    await withBerth(folder, (client) => pushImage(client, 'cut', image, 'latest'))
    await truncate(join(folder.join('data'), layout.blob(image.manifest.digest as never)), 10)
    await removeDatabase(folder)

    await withBerth(folder, async (client) => {
      expect((await client.getManifest('cut', 'latest')).status).toBe(404)
      await expectStatus(await client.putManifest('cut', 'latest', image.manifest), 201)
      expect(await (await client.getManifest('cut', 'latest')).bytes()).toEqual(image.manifest.bytes)
    })
  })
})

describe('a metadata database', () => {
  test('that is garbage is set aside and built anew', async () => {
    using folder = new TemporaryFolder()
    const image = makeImage('rebuilt')
    await withBerth(folder, (client) => pushImage(client, 'rebuilt', image, 'latest'))
    await writeFile(folder.join('data/berth/metadata.db'), crypto.getRandomValues(new Uint8Array(60_000)))

    const output = await withBerth(folder, async (client) => {
      expect(await (await client.getManifest('rebuilt', 'latest')).bytes()).toEqual(image.manifest.bytes)
    })

    expect(output).toContain('metadata database set aside')
  })

  test('that is deleted while it is open makes the process start anew, and it is right again', async () => {
    using folder = new TemporaryFolder()
    const image = makeImage('restarted')
    const config = await folder.file('config.yml', registryConfig(folder.join('data')).replace(':0', `:${await freePort()}`))
    await using program = new BackgroundProgram([BERTH_PROGRAM, 'serve', config], {
      environment: environmentIn(folder.join('env')),
    })
    const [, url = ''] = await program.waitForOutput(/msg="listening" url=(\S+)/, 90_000)
    await pushImage(new RegistryClient(url), 'restarted', image, 'latest')

    await removeDatabase(folder)
    await program.waitForOutput(/msg="restarting"[\s\S]*msg="listening"/, 90_000)

    const answer = await new RegistryClient(url).getManifest('restarted', 'latest')
    expect(await answer.bytes()).toEqual(image.manifest.bytes)
  }, 120_000)
})

/** Ends when the file system has no block left. */
async function fillToTheLastByte(path: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (let size = MIB; size >= 1; ) {
      const failure = await file.write(new Uint8Array(size)).catch((error: unknown) => error)
      if (!(failure instanceof Error)) continue
      expect(failure).toMatchObject({ code: 'ENOSPC' })
      size /= 2
    }
  } finally {
    await file.close()
  }
}

async function withBerth(folder: TemporaryFolder, use: (client: RegistryClient) => Promise<void>): Promise<string> {
  const berth: RegistryProcess = await startBerth({ folder, dataDirectory: folder.join('data') })
  try {
    await use(new RegistryClient(berth.url))
  } finally {
    await berth.stop()
  }
  return berth.program.output
}

async function removeDatabase(folder: TemporaryFolder): Promise<void> {
  for (const suffix of ['', '-wal', '-shm'])
    await Bun.file(folder.join(`data/berth/metadata.db${suffix}`))
      .unlink()
      .catch(() => undefined)
}

async function pushImage(
  client: RegistryClient,
  repository: string,
  image: ReturnType<typeof makeImage>,
  tag: string,
): Promise<void> {
  for (const blob of [image.config, ...image.layers]) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, tag, image.manifest), 201)
}

/** The answer that ended it: of the closing PUT, or of the chunk that was refused. */
async function pushInChunks(client: RegistryClient, repository: string, blob: ReturnType<typeof randomBlob>, chunkBytes: number) {
  let location = await client.startUpload(repository)
  for (let start = 0; start < blob.bytes.length; start += chunkBytes) {
    const response = await client.request('PATCH', location, {
      headers: { 'content-type': 'application/octet-stream' },
      body: blob.bytes.slice(start, start + chunkBytes),
    })
    if (response.status !== 202) return response
    location = response.headers.get('location') ?? ''
  }
  return await client.closeUpload(location, blob.digest)
}

function randomBlob(size: number) {
  const bytes = new Uint8Array(size)
  for (let start = 0; start < size; start += 65_536) crypto.getRandomValues(bytes.subarray(start, Math.min(start + 65_536, size)))
  return contentOf('application/octet-stream', bytes)
}
