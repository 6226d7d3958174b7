import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { BerthInProcess, type InProcessOptions } from '../../../test/support/berth-in-process.ts'
import { contentOf, descriptorOf, type Image, jsonContent, makeImage, makeImageIndex } from '../../../test/support/images.ts'
import { LongestTurn } from '../../../test/support/longest-turn.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { loseDatabase } from '../../../test/support/test-root.ts'
import { findFacts, type KnownFacts } from '../../metadata/facts/image-facts.ts'
import { purgeTombstones } from '../../metadata/scans.ts'
import type { Digest } from '../../oci/digest.ts'

setDefaultTimeout(120_000)

const OCI = 'application/vnd.oci.image.manifest.v1+json'
const IMAGE_CONFIG = 'application/vnd.oci.image.config.v1+json'

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  await start()
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function start(options: InProcessOptions = {}): Promise<void> {
  berth = await BerthInProcess.start(folder.join('data'), options)
}

async function startAnew(options: InProcessOptions = {}): Promise<void> {
  await berth.stop()
  loseDatabase(folder.join('data'))
  await start(options)
}

function imageWith(config: object, manifest: object = {}): Image {
  return imageOn(jsonContent(IMAGE_CONFIG, config), manifest)
}

function imageOn(config: Image['config'], more: object = {}): Image {
  const body = { schemaVersion: 2, mediaType: OCI, config: descriptorOf(config), layers: [], ...more }
  return { config, layers: [], manifest: jsonContent(OCI, body) }
}

async function push(image: Image, repository = 'app'): Promise<void> {
  for (const blob of [image.config, ...image.layers]) await berth.client.pushBlob(repository, blob)
  await expectStatus(await berth.client.putManifest(repository, 'latest', image.manifest), 201)
}

async function factsOf({ manifest }: Pick<Image, 'manifest'>): Promise<KnownFacts | undefined> {
  return await findFacts(berth.opened.metadata.read, manifest.digest as Digest)
}

async function readInBackground(): Promise<void> {
  await berth.registry.facts.run(new AbortController().signal)
}

function blobFile({ digest }: { readonly digest: string }): string {
  const hex = digest.slice('sha256:'.length)
  return folder.join(`data/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`)
}

const described = imageWith({
  ...{ created: '2024-01-02T00:00:00Z', os: 'linux', architecture: 'amd64' },
  config: { Labels: { 'org.opencontainers.image.description': 'A text' }, Env: ['A=b'] },
})
const large = imageWith({
  config: { Labels: { long: 'x'.repeat(300_000), 'org.opencontainers.image.title': 'Large' } },
})

describe('a push', () => {
  test('brings the facts of its image', async () => {
    await push(described)

    expect(await factsOf(described)).toMatchObject({
      ...{ isRead: true, createdMs: Date.UTC(2024, 0, 2), size: described.config.bytes.length },
      ...{ platforms: ['linux/amd64'], description: 'A text', config: { environment: ['A'] } },
    })
  })

  test('of an image index brings its platforms and first image', async () => {
    const images = ['amd64', 'arm64'].map((architecture) => makeImage('multi', { architecture }))
    for (const image of images) await push(image)
    const index = makeImageIndex(images)

    await expectStatus(await berth.client.putManifest('app', 'latest', index.manifest), 201)

    const firstImage = images[0]?.manifest.digest as Digest
    expect(await factsOf(index)).toMatchObject({ isRead: true, platforms: ['linux/amd64', 'linux/arm64'], firstImage })
  })

  test('leaves a config that takes a parser long to the background', async () => {
    await push(large)
    expect(await factsOf(large)).toMatchObject({ isRead: false, title: undefined })

    await readInBackground()

    expect(await factsOf(large)).toMatchObject({ isRead: true, title: 'Large' })
  })

  test.each([
    ['is no JSON', '{"a":'],
    ['is deeper than any config', '['.repeat(200_000)],
    ['is no object', '[1]'],
    ['says nothing', '{}'],
  ])('whose config %s is taken, and has only what its manifest says', async (_, text) => {
    const annotations = { 'org.opencontainers.image.title': 'Of the manifest' }
    const image = imageOn(contentOf(IMAGE_CONFIG, Buffer.from(text)), { annotations })

    await push(image)
    await readInBackground()

    expect(await factsOf(image)).toMatchObject({ isRead: true, title: 'Of the manifest', createdMs: undefined })
  })

  test('whose config is larger than any is taken, and its config is not read', async () => {
    const padded = `{"config":{"Labels":{"org.opencontainers.image.title":"Padded"}}}${' '.repeat(5 * 1024 * 1024)}`
    const image = imageOn(contentOf(IMAGE_CONFIG, Buffer.from(padded)))

    await push(image)
    expect(await factsOf(image)).toMatchObject({ isRead: false })
    await readInBackground()

    expect(await factsOf(image)).toMatchObject({ isRead: true, title: undefined, size: padded.length })
  })

  test('is acknowledged though its config cannot be read, and the background brings the facts', async () => {
    let isBroken = false
    const isOfConfig = (call: string) => call.startsWith('read ') && call.includes(described.config.digest.slice(-64))
    await startAnew({ hook: (call) => (isBroken && isOfConfig(call) ? Promise.reject(new Error('EIO')) : undefined) })
    isBroken = true

    await push(described)
    await expect(readInBackground()).rejects.toThrow('EIO')
    expect(await factsOf(described)).toMatchObject({ isRead: false })
    isBroken = false
    await readInBackground()

    expect(await factsOf(described)).toMatchObject({ isRead: true, description: 'A text' })
    expect(berth.log.lines.map(({ message }) => message)).toContain(
      'the config of a pushed image was not read, it is tried again',
    )
  })
})

describe('what was there before', () => {
  test('has the same facts after a scan as after a push', async () => {
    const images = [described, large, makeImage('other')]
    for (const [number, image] of images.entries()) await push(image, `team/app-${number}`)
    await readInBackground()
    const before = await Promise.all(images.map(factsOf))

    await startAnew()
    await berth.scan()
    expect(await Promise.all(images.map(factsOf))).toEqual(images.map(() => expect.objectContaining({ isRead: false })))
    await readInBackground()

    expect(await Promise.all(images.map(factsOf))).toEqual(before)
  })

  test('is read to its end, in parts', async () => {
    const images = Array.from({ length: 120 }, (_, number) => imageWith({ created: '2024-01-02T00:00:00Z', number }))
    for (const image of images) await push(image)
    const turns = new LongestTurn({ questionMs: 0.5 })
    await startAnew({ metadata: (opened) => turns.metadata(opened) })
    await berth.scan()
    turns.transactionsMs.length = 0

    await turns.during(() => readInBackground())

    const facts = await Promise.all(images.map(factsOf))
    expect(facts.every((known) => known?.createdMs === Date.UTC(2024, 0, 2))).toBe(true)
    // Fifty of them would take 25 ms of this clock. Twelve are begun with.
    expect(Math.max(...turns.transactionsMs)).toBeLessThan(10)
    expect(Math.max(...turns.transactionsMs.slice(2))).toBeLessThan(6)
  })

  test('and waits for its config has its facts once that is there', async () => {
    await push(described)
    const file = blobFile(described.config)
    const bytes = await Bun.file(file).bytes()
    rmSync(file)
    await startAnew()
    await berth.scan()

    await readInBackground()
    expect(await factsOf(described)).toMatchObject({ isRead: false, description: undefined, size: bytes.length })
    writeFileSync(file, bytes)
    await berth.client.pushBlob('app', described.config)
    await readInBackground()

    expect(await factsOf(described)).toMatchObject({ isRead: true, description: 'A text' })
  })
})

test('facts go with the last repository that holds the manifest', async () => {
  await push(described, 'one')
  await push(described, 'two')

  await expectStatus(await berth.client.deleteManifest('one', described.manifest.digest), 202)
  expect(await factsOf(described)).toMatchObject({ isRead: true })
  await expectStatus(await berth.client.deleteManifest('two', described.manifest.digest), 202)
  await berth.opened.metadata.write((query) => purgeTombstones(query, berth.opened.epoch, Number.MAX_SAFE_INTEGER))

  expect(await factsOf(described)).toBeUndefined()
})
