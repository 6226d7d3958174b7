import { expect, test } from 'bun:test'
import { readdir, readFile, rename } from 'node:fs/promises'
import { startBerth } from '../support/berth-process.ts'
import { freePort } from '../support/free-port.ts'
import { blobsOf, contentOf, type Image, makeImage } from '../support/images.ts'
import { MountedFileSystem } from '../support/mounts.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const SOON_MS = 90_000

describeWith({ programs: ['mount', 'umount'], root: true }, 'a storage that goes away while it is served', () => {
  test(
    'is waited for when its folder was moved: 503 for everything, and nothing is made at its place until it is back',
    async () => {
      using folder = new TemporaryFolder()
      const image = makeImage('kept')
      const [place, away] = [folder.join('data'), folder.join('away')]
      await using berth = await serve(folder, place)
      const client = new RegistryClient(berth.url)
      await push(client, image)
      const open = await client.startUpload('kept')

      await rename(place, away)
      await becomesUnready(client)
      await expectRefusals(client, image, open)
      await expect(readdir(place)).rejects.toThrow('ENOENT')
      await rename(away, place)

      await poll('it is served again', SOON_MS, () => pulled(client, image))
      expect(await (await client.request('GET', '/v2/_catalog')).json()).toEqual({ repositories: ['kept'] })
      await expectStatus(await client.putManifest('kept', 'later', image.manifest), 201)
      expect(berth.program.output).toContain('the storage has gone')
    },
    TEST_MS,
  )

  test(
    'is waited for when it was unmounted, and a worker that ends meanwhile makes no new one; a start by the operator does',
    async () => {
      using folder = new TemporaryFolder()
      const image = makeImage('kept')
      await using disk = await MountedFileSystem.mount(folder, 'size=64m')
      const berth = await serve(folder, disk.path)
      const client = new RegistryClient(berth.url)
      await push(client, image)

      await disk.vanish()
      await becomesUnready(client)
      await expectRefusals(client, image, '/v2/kept/blobs/uploads/')
      await killWorker(berth)
      await berth.program.waitForOutput(/is not there; bring it back, or restart Berth/, SOON_MS)
      expect(await readdir(disk.path)).toEqual([])
      await berth.kill()

      await using anew = await serve(folder, disk.path)
      expect(await (await new RegistryClient(anew.url).request('GET', '/v2/_catalog')).json()).toEqual({ repositories: [] })
    },
    TEST_MS,
  )
})

async function serve(folder: TemporaryFolder, dataDirectory: string): Promise<RegistryProcess> {
  const port = await freePort()
  const adapt = (config: string) => config.replace('127.0.0.1:0', `127.0.0.1:${port}`)
  return await startBerth({ folder, dataDirectory, adapt, processes: 2, expectsFaults: true })
}

async function killWorker({ program }: RegistryProcess): Promise<void> {
  const children = await readFile(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8')
  const [worker] = children.trim().split(' ')
  process.kill(Number(worker), 'SIGKILL')
}

async function push(client: RegistryClient, image: Image): Promise<void> {
  for (const blob of blobsOf(image)) await client.pushBlob('kept', blob)
  await expectStatus(await client.putManifest('kept', 'latest', image.manifest), 201)
}

async function becomesUnready(client: RegistryClient): Promise<void> {
  await poll('it is not ready', SOON_MS, async () => (await client.request('GET', '/readyz')).status === 503 || undefined)
  // Each process finds out for itself, and a connection leads to one of them.
  const headers = { connection: 'close' }
  await poll('every process refuses', SOON_MS, async () => {
    const answers = await Promise.all(Array.from({ length: 16 }, () => client.request('GET', '/v2/', { headers })))
    return answers.every(({ status }) => status === 503) || undefined
  })
}

async function expectRefusals(client: RegistryClient, image: Image, upload: string): Promise<void> {
  const [layer] = image.layers
  const answers = [
    ...(await Promise.all(['/v2/', '/v2/_catalog', '/v2/kept/tags/list'].map((path) => client.request('GET', path)))),
    await client.getManifest('kept', 'latest'),
    await client.getManifest('kept', image.manifest.digest),
    await client.getManifest('never', 'seen'),
    await client.getBlob('kept', layer?.digest ?? ''),
    await client.request('POST', '/v2/new/blobs/uploads/'),
    await client.request('PATCH', upload, { body: contentOf('application/octet-stream', new Uint8Array(10)).bytes }),
    await client.putManifest('kept', 'other', image.manifest),
    await client.deleteManifest('kept', image.manifest.digest),
  ]
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503))
  expect(answers.every(({ headers }) => headers.has('retry-after'))).toBe(true)
}

async function pulled(client: RegistryClient, image: Image): Promise<true | undefined> {
  const answer = await client.getManifest('kept', 'latest').catch(() => undefined)
  if (answer?.status !== 200) return undefined
  expect(await answer.bytes()).toEqual(image.manifest.bytes)
  for (const { digest, bytes } of image.layers) expect(await (await client.getBlob('kept', digest)).bytes()).toEqual(bytes)
  return true
}
