import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { cp, readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { blobsOf, type Content, contentOf, fixedBytes, makeImage, makeImageIndex } from '../support/images.ts'
import { collectWithPeer, PEER_3_PROGRAM, PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { environmentIn, type Outcome, poll, run } from '../support/processes.ts'
import { RegistryClient as Client, expectStatus, type RegistryClient } from '../support/registry-client.ts'
import { registryConfig } from '../support/registry-config.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** registry:2's command, on a directory that only registry:2 wrote: Berth names what it names, and takes it. */

setDefaultTimeout(120_000)
const DAY_S = 24 * 60 * 60

const [first, second, shared] = ['first', 'second', 'shared'].map((name) => makeImage(name, { layers: 1 })) as [
  Image,
  Image,
  Image,
]
type Image = ReturnType<typeof makeImage>
const index = makeImageIndex([makeImage('child', { layers: 1 })])
const orphan = contentOf('', fixedBytes(500))

describeWith({ programs: [PEER_PROGRAM] }, 'garbage-collect', () => {
  let made: TemporaryFolder
  let folder: TemporaryFolder
  let data: string

  beforeAll(async () => {
    made = new TemporaryFolder()
    await using peer = await startPeer({ folder: made, dataDirectory: made.join('data') })
    await fill(new Client(peer.url))
    await age(made.join('data'), DAY_S)
  })
  afterAll(() => made[Symbol.dispose]())
  beforeEach(async () => {
    folder = new TemporaryFolder()
    data = folder.join('data')
    await cp(made.join('data'), data, { recursive: true, preserveTimestamps: true })
  })

  afterEach(() => folder[Symbol.dispose]())

  async function collect(...flags: readonly string[]): Promise<Outcome> {
    const config = await folder.file('config.yml', registryConfig(data))
    return await run([BERTH_PROGRAM, ...flags, config], { environment: environmentIn(folder.path) })
  }

  test('-d names the blobs that registry:2 names, with its lines, and removes nothing', async () => {
    const peers = await collectWithPeer(data, { dryRun: true, deleteUntagged: false })
    const before = await filesIn(data)

    const { exitCode, stdout, stderr } = await collect('garbage-collect', '-d')

    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(after('blob eligible for deletion: ', stdout)).toEqual([...peers.eligibleBlobs].sort())
    expect(after('blob eligible for deletion: ', stdout)).toEqual([orphan.digest])
    const marks = linesOf(peers.output).filter((line) => /marking (manifest|blob) /.test(line))
    expect(linesOf(stdout)).toEqual(expect.arrayContaining(marks))
    expect(marks.length).toBeGreaterThan(10)
    expect(stdout).toMatch(/\n\d+ blobs marked, 1 blobs and 0 manifests eligible for deletion\n/)
    expect(await filesIn(data)).toEqual(before)
  })

  test('takes what it names, after which registry:2 finds nothing and serves everything else', async () => {
    const { exitCode, stdout } = await collect('garbage-collect', '-q')

    expect(exitCode).toBe(0)
    expect(stdout).not.toContain('marking')
    const found = await collectWithPeer(data, { dryRun: true, deleteUntagged: false })
    expect([found.exitCode, ...found.eligibleBlobs]).toEqual([0])
    await using peer = await startPeer({ folder, dataDirectory: data })
    const client = new Client(peer.url)
    for (const image of [first, second, shared]) await expectWhole(client, 'app', image)
    expect((await client.headBlob('app', orphan.digest)).status).toBe(404)
  })

  test('-m takes untagged images with what only they name, and no child of an image index that stays', async () => {
    const { exitCode, stdout } = await collect('garbage-collect', '-m')

    expect(exitCode).toBe(0)
    expect(after('manifest eligible for deletion: ', stdout)).toEqual([first.manifest.digest])
    await using peer = await startPeer({ folder, dataDirectory: data })
    const client = new Client(peer.url)
    for (const image of [second, shared, ...index.images]) await expectWhole(client, 'app', image)
    for (const { digest } of [first.manifest, ...blobsOf(first), orphan]) expect(await hasBytes(digest)).toBe(false)
  })

  test('keeps what was written within the last hour, and says so', async () => {
    await age(data, 60)

    const { stdout } = await collect('garbage-collect')

    expect(after('blob eligible for deletion: ', stdout)).toEqual([])
    expect(stdout).toContain('1 links and blobs that nothing needs stay: they were needed or written in the last 60 minutes.')
    expect(await hasBytes(orphan.digest)).toBe(true)
  })

  test('beside a server takes nothing at once, and tells when the server will', async () => {
    await using berth = await startBerth({ folder, dataDirectory: data })

    const collected = await collectWhenRead('garbage-collect')
    const status = await collect('gc', '--status')

    expect(collected).toMatchObject({ exitCode: 0, stderr: '' })
    expect(collected.stdout).toContain('Nothing goes yet: the registry was started less than an hour ago')
    expect(status).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await hasBytes(orphan.digest)).toBe(true)
    await expectWhole(new Client(berth.url), 'app', second)
  })

  test('--now beside a server condemns for the window, in which a client that asks for a blob keeps it', async () => {
    await using berth = await startBerth({ folder, dataDirectory: data })
    const client = new Client(berth.url)
    await client.pushBlob('app', contentOf('', fixedBytes(700)))

    const { exitCode, stdout } = await collectWhenRead('gc', '--now', '-m')

    expect(exitCode).toBe(0)
    expect(stdout).toContain('A server runs on this storage: it removes the rest in 60 minutes')
    for (const image of [first, second, shared]) await expectWhole(client, 'app', image)
    expect(await hasBytes(orphan.digest)).toBe(true)
  })

  /** A server that has just started reads the storage first. */
  async function collectWhenRead(...flags: readonly string[]): Promise<Outcome> {
    return await poll('the server has read the storage', 60_000, async () => {
      const outcome = await collect(...flags)
      return outcome.stderr.includes('has not been read to its end') ? undefined : outcome
    })
  }

  async function hasBytes(digest: string): Promise<boolean> {
    const hex = digest.slice(7)
    return await Bun.file(join(data, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data')).exists()
  }
})

describeWith({ programs: [PEER_PROGRAM, PEER_3_PROGRAM] }, 'garbage-collect -m', () => {
  test('names the manifests that registry:3 names, but for what refers to one that stays', async () => {
    using folder = new TemporaryFolder()
    const data = folder.join('data')
    const referrer = makeImage('a signature', { layers: 1, subject: second.manifest })
    {
      await using peer = await startPeer({ folder, dataDirectory: data })
      const client = new Client(peer.url)
      await fill(client)
      await push(client, 'app', referrer, referrer.manifest.digest)
    }
    await age(data, DAY_S)
    const config = await folder.file('config.yml', registryConfig(data))
    const environment = { ...environmentIn(folder.path), OTEL_TRACES_EXPORTER: 'none' }
    const peers = await run([PEER_3_PROGRAM, 'garbage-collect', '-d', '-m', config], { environment })

    const ours = await run([BERTH_PROGRAM, 'garbage-collect', '-d', '-m', config], { environment })

    expect(ours.exitCode).toBe(0)
    const onlyOfReferrer = [referrer.manifest, ...blobsOf(referrer)].map(({ digest }) => digest)
    const expected = {
      'manifest eligible for deletion: ': [first.manifest.digest],
      'blob eligible for deletion: ': [orphan.digest],
    }
    for (const [words, known] of Object.entries(expected)) {
      const theirs = after(words, peers.stdout).map((line) => /sha256:[0-9a-f]+/.exec(line)?.[0] ?? line)
      expect(theirs).toEqual(expect.arrayContaining(known))
      expect(after(words, ours.stdout)).toEqual(theirs.filter((digest) => !onlyOfReferrer.includes(digest)))
      expect(theirs).toContain(referrer.manifest.digest)
    }
  })
})

/** A tag that moved, a layer of two repositories, an image index, and a layer of no image. */
async function fill(client: RegistryClient): Promise<void> {
  for (const image of [first, second]) await push(client, 'app', image, 'latest')
  await push(client, 'app', shared, 'shared')
  await push(client, 'other', shared, 'shared')
  for (const child of index.images) await push(client, 'app', child, child.manifest.digest)
  await expectStatus(await client.putManifest('app', 'index', index.manifest), 201)
  await client.pushBlob('app', orphan)
}

async function push(client: RegistryClient, repository: string, image: Image, reference: string): Promise<void> {
  for (const blob of blobsOf(image)) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, reference, image.manifest), 201)
}

async function expectWhole(client: RegistryClient, repository: string, image: Image): Promise<void> {
  expect((await client.getManifest(repository, image.manifest.digest)).status).toBe(200)
  for (const blob of blobsOf(image) as readonly Content[])
    expect((await client.getBlob(repository, blob.digest)).status).toBe(200)
}

function after(words: string, output: string): string[] {
  return linesOf(output)
    .filter((line) => line.startsWith(words))
    .map((line) => line.slice(words.length).trim())
    .sort()
}

function linesOf(output: string): string[] {
  return output.split('\n')
}

async function filesIn(data: string): Promise<string[]> {
  return (await readdir(join(data, 'docker'), { recursive: true })).sort()
}

/** Makes everything so many seconds old. */
async function age(data: string, seconds: number): Promise<void> {
  const then = Date.now() / 1000 - seconds
  for (const path of await readdir(data, { recursive: true })) await utimes(join(data, path), then, then)
}
