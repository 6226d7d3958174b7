import { expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openDisk } from '../../src/storage/filesystem/disk.ts'
import { startBerth } from '../support/berth-process.ts'
import { freePort } from '../support/free-port.ts'
import { type Image, makeImage } from '../support/images.ts'
import { MountedFileSystem } from '../support/mounts.ts'
import { startPeer } from '../support/peer.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const PROGRAMS = ['mount', 'umount', 'dd', 'docker-registry']

const FULL = { make: (disk: MountedFileSystem) => disk.fill(), undo: (disk: MountedFileSystem) => disk.free(), words: 'full' }
const READ_ONLY = {
  make: (disk: MountedFileSystem) => disk.remount('ro'),
  undo: (disk: MountedFileSystem) => disk.remount('rw'),
  words: 'read-only',
}

describeWith({ programs: PROGRAMS, root: true }, 'a start on a disk that takes nothing', () => {
  test.each([
    ['that is full', FULL, false],
    ['that is read-only', READ_ONLY, false],
    ['that is read-only, with readonly.enabled', READ_ONLY, true],
  ])(
    'serves pulls from one %s, as docker-registry does, and refuses changes clearly',
    async (_, { make, words }, isDeclared) => {
      using folder = new TemporaryFolder()
      await using disk = await MountedFileSystem.mount(folder, 'size=64m')
      const image = makeImage('kept')
      await pushOnce(folder, disk.path, image)
      await make(disk)
      const before = await filesIn(disk.path)

      await using peer = await startPeer({ folder, dataDirectory: disk.path, adapt: isDeclared ? declaredReadOnly : asItIs })
      await expectPulls(new RegistryClient(peer.url), image)
      await using berth = await startBerth({
        folder,
        dataDirectory: disk.path,
        adapt: isDeclared ? declaredReadOnly : asItIs,
        expectsFaults: true,
      })
      const client = new RegistryClient(berth.url)
      await expectPulls(client, image)

      const digest = image.manifest.digest
      const refusals = [
        await client.deleteManifest('kept', digest),
        await client.deleteManifest('kept', 'latest'),
        await client.request('POST', '/v2/new/blobs/uploads/'),
        await client.putManifest('kept', 'other', image.manifest),
      ]
      if (!isDeclared) {
        for (const refusal of refusals) {
          expect(refusal.status).toBe(503)
          expect(refusal.headers.get('retry-after')).not.toBeNull()
          expect(await refusal.json()).toMatchObject({
            errors: [{ code: 'UNAVAILABLE', message: expect.stringContaining(words) }],
          })
        }
      } else expect(refusals.map(({ status }) => status)).toEqual([405, 405, 405, 405])
      await expectPulls(client, image)
      expect((await client.request('GET', '/readyz')).status).toBe(200)
      expect(await filesIn(disk.path)).toEqual(before)
    },
    TEST_MS,
  )

  test.each([
    ['is full', FULL],
    ['is read-only', READ_ONLY],
  ])(
    'takes pushes and deletes again by itself, once a disk that %s takes them',
    async (_, { make, undo }) => {
      using folder = new TemporaryFolder()
      await using disk = await MountedFileSystem.mount(folder, 'size=64m')
      const image = makeImage('kept')
      await pushOnce(folder, disk.path, image)
      await make(disk)
      await using berth = await startBerth({
        folder,
        dataDirectory: disk.path,
        adapt: withFixedPort(await freePort()),
        expectsFaults: true,
      })
      const client = new RegistryClient(berth.url)
      await expectStatus(await client.deleteManifest('kept', 'latest'), 503)

      await undo(disk)

      await poll('a push succeeds', 90_000, async () => {
        const pushed = await client.putManifest('kept', 'other', image.manifest).catch(() => undefined)
        return pushed?.status === 201 || undefined
      })
      await expectStatus(await client.deleteManifest('kept', 'latest'), 202)
    },
    TEST_MS,
  )
})

describeWith({ programs: ['mount', 'umount'], root: true }, 'a disk that became read-only', () => {
  test('refuses each change in words, also of what takes apart what was begun', async () => {
    using folder = new TemporaryFolder()
    await using mounted = await MountedFileSystem.mount(folder, 'size=1m')
    const disk = await openDisk(mounted.path)
    const [begun, other] = [join(mounted.path, 'begun'), join(mounted.path, 'other')]
    await disk.makeDirectory(begun)
    await mounted.remount('ro')

    const changes = [
      () => disk.makeDirectory(other),
      () => disk.open(other, 'create'),
      () => disk.rename(begun, other),
      () => disk.removeTree(begun),
    ]

    for (const change of changes)
      await expect(change()).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('read-only') })
  })
})

function asItIs(config: string): string {
  return config
}

/** As an operator says it who has mounted the disk so. */
function declaredReadOnly(config: string): string {
  return config.replace('\nstorage:\n', '\nstorage:\n  maintenance: {readonly: {enabled: true}}\n')
}

function withFixedPort(port: number) {
  return (config: string) => config.replace('127.0.0.1:0', `127.0.0.1:${port}`)
}

async function pushOnce(folder: TemporaryFolder, dataDirectory: string, image: Image): Promise<void> {
  await using berth = await startBerth({ folder, dataDirectory })
  const client = new RegistryClient(berth.url)
  for (const blob of [image.config, ...image.layers]) await client.pushBlob('kept', blob)
  await expectStatus(await client.putManifest('kept', 'latest', image.manifest), 201)
}

async function expectPulls(client: RegistryClient, { manifest, layers }: Image): Promise<void> {
  expect(await (await client.getManifest('kept', 'latest')).bytes()).toEqual(manifest.bytes)
  for (const { digest, bytes } of layers) expect(await (await client.getBlob('kept', digest)).bytes()).toEqual(bytes)
  expect(await (await client.request('GET', '/v2/kept/tags/list')).json()).toMatchObject({ tags: ['latest'] })
  expect(await (await client.request('GET', '/v2/_catalog')).json()).toEqual({ repositories: ['kept'] })
}

async function filesIn(directory: string): Promise<string[]> {
  return (await readdir(directory, { recursive: true })).sort()
}
