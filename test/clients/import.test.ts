import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { startBerth } from '../support/berth-process.ts'
import { FAST_BERTH } from '../support/berth-program.ts'
import { someOf } from '../support/effort.ts'
import { type FakeAnswer, FakeUpstream } from '../support/fake-upstream.ts'
import { Gate } from '../support/gate.ts'
import { ImageLab } from '../support/image-lab.ts'
import { blobsOf, type Content, descriptorOf, type Image, jsonContent, makeImage, makeImageIndex } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { type Outcome, poll, run } from '../support/processes.ts'
import { expectStatus, pushImage, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { sizedImage } from '../support/sized-image.ts'
import { listenersOn } from '../support/socket-owner.ts'
import { serveRegistry } from '../support/upstream-images.ts'

setDefaultTimeout(120_000)

const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json'
const AMD64 = makeImage('amd64')
const ARM64 = makeImage('arm64', { architecture: 'arm64' })
const INDEX = makeImageIndex([AMD64, ARM64])
const TOOL = makeImage('tool', { format: 'docker' })
const NEWER = makeImage('newer tool')
/** About an image of the index, by its subject; and about the index, by the name of a tag. */
const SBOM = makeImage('sbom', { subject: ARM64.manifest, artifactType: 'application/vnd.example.sbom', layers: 1 })
const SIGNATURE = makeImage('signature', { layers: 1 })
const attachedTag = ({ digest }: Content, suffix = '') => `${digest.replace(':', '-')}${suffix}`

let lab: ImageLab
let here: RegistryClient
beforeEach(async () => {
  lab = await ImageLab.start()
  here = new RegistryClient(lab.registry.url)
})
afterEach(async () => await lab[Symbol.asyncDispose]())

/** `berth import …` from a registry into that of the lab. */
async function tryImport(from: string, ...words: readonly string[]): Promise<Outcome> {
  return await run([...FAST_BERTH, 'import', '--from', from, lab.registry.address, ...words], { environment: lab.environment })
}

interface Summary {
  readonly repositories: number
  readonly tags: Readonly<Record<'brought' | 'there' | 'other' | 'failed', number>>
  readonly bytesSent: number
  readonly failures: readonly { readonly name: string; readonly reason: string }[]
  readonly stays: readonly string[]
  readonly endedEarly?: string
}

async function imported(from: string, ...words: readonly string[]) {
  const { exitCode, stdout, stderr } = await tryImport(from, '--json', ...words)
  try {
    return { exitCode, stderr, summary: JSON.parse(stdout) as Summary }
  } catch (cause) {
    throw new Error(`no summary: ${stdout}\n${stderr}`, { cause })
  }
}

/** Whether a repository here has an image whole, byte for byte. */
async function expectHere(repository: string, reference: string, image: Image): Promise<void> {
  const manifest = await expectStatus(await here.getManifest(repository, reference), 200)
  expect(Buffer.from(await manifest.bytes()).equals(image.manifest.bytes)).toBe(true)
  for (const { digest, bytes } of blobsOf(image)) {
    const blob = await expectStatus(await here.getBlob(repository, digest), 200)
    expect(Buffer.from(await blob.bytes()).equals(bytes)).toBe(true)
  }
}

async function pushIndex(client: RegistryClient, repository: string, tag: string): Promise<void> {
  for (const image of INDEX.images) await pushImage(client, repository, image, image.manifest.digest)
  await expectStatus(await client.putManifest(repository, tag, INDEX.manifest), 201)
}

describeWith({ programs: [PEER_PROGRAM] }, 'an import of a registry:2', () => {
  test('brings every tag with all that belongs to it, digest for digest, and the next one what is missing', async () => {
    await using other = await startPeer({ folder: lab.folder, dataDirectory: lab.folder.join('other') })
    const there = new RegistryClient(other.url)
    await pushIndex(there, 'team/app', 'v1.0')
    await expectStatus(await there.putManifest('team/app', 'latest', INDEX.manifest), 201)
    await pushImage(there, 'team/app', SBOM, SBOM.manifest.digest)
    const listed = { ...descriptorOf(SBOM.manifest), artifactType: 'application/vnd.example.sbom' }
    const list = jsonContent(INDEX_TYPE, { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [listed] })
    await expectStatus(await there.putManifest('team/app', attachedTag(ARM64.manifest), list), 201)
    await pushImage(there, 'team/app', SIGNATURE, attachedTag(INDEX.manifest, '.sig'))
    await pushImage(there, 'lib/tool', TOOL, 'v2')

    const first = await imported(other.url)

    expect(first).toMatchObject({
      exitCode: 0,
      summary: { repositories: 2, tags: { brought: 3, there: 0, other: 0, failed: 0 } },
    })
    for (const image of INDEX.images) await expectHere('team/app', image.manifest.digest, image)
    for (const tag of ['v1.0', 'latest']) {
      const answer = await expectStatus(await here.headManifest('team/app', tag), 200)
      expect(answer.headers.get('docker-content-digest')).toBe(INDEX.manifest.digest)
    }
    await expectHere('team/app', SBOM.manifest.digest, SBOM)
    await expectHere('team/app', attachedTag(INDEX.manifest, '.sig'), SIGNATURE)
    await expectHere('lib/tool', 'v2', TOOL)
    const referrers = await here.request('GET', `/v2/team/app/referrers/${ARM64.manifest.digest}`)
    expect(await referrers.json()).toMatchObject({ manifests: [listed] })
    expect((await here.headManifest('team/app', attachedTag(ARM64.manifest))).status).toBe(200)

    await pushImage(there, 'lib/tool', NEWER, 'v3')
    const second = await imported(other.url)

    expect(second.summary).toMatchObject({ tags: { brought: 1, there: 3, failed: 0 } })
    await expectHere('lib/tool', 'v3', NEWER)
    expect((await imported(other.url)).summary).toMatchObject({ tags: { brought: 0, there: 4 }, bytesSent: 0 })
  })

  test('brings what patterns name, below a prefix, and in a dry run nothing', async () => {
    await using other = await startPeer({ folder: lab.folder, dataDirectory: lab.folder.join('other') })
    const there = new RegistryClient(other.url)
    for (const tag of ['v1.0', 'v1.1', 'v2.0', 'main']) await pushImage(there, 'team/app', TOOL, tag)
    await pushImage(there, 'lib/tool', TOOL, 'v1.1')
    const words = ['--repositories', 'team/*', '--tags', 'semver:1', '--tags', 'newest:1']
    const into = async (...more: readonly string[]) => {
      const command = [...FAST_BERTH, 'import', `${lab.registry.address}/old`, '--from', other.url, ...words, ...more]
      return await run(command, { environment: lab.environment })
    }

    const dry = await into('--dry-run')
    expect(dry.stdout).toBe('1 repositories: 1 tags would be brought, 0 here already, 0 with another image, 0 failed\n')
    expect(dry.stderr).toBe(`old/team/app:v1.1@${TOOL.manifest.digest} would be brought\n`)
    expect((await here.headManifest('old/team/app', 'v1.1')).status).toBe(404)

    const { exitCode, stdout } = await into()
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^1 repositories: 1 tags brought, 0 here already/)])
    await expectHere('old/team/app', 'v1.1', TOOL)
    for (const [repository, tag] of [
      ['old/team/app', 'v1.0'],
      ['old/team/app', 'main'],
      ['old/lib/tool', 'v1.1'],
      ['team/app', 'v1.1'],
    ] as const)
      expect((await here.headManifest(repository, tag)).status).toBe(404)
  })

  test('leaves a tag that is here with another image, says so, and moves it when it is told to', async () => {
    await using other = await startPeer({ folder: lab.folder, dataDirectory: lab.folder.join('other') })
    await pushImage(new RegistryClient(other.url), 'app', NEWER, 'latest')
    await pushImage(here, 'app', TOOL, 'latest')

    expect(await imported(other.url)).toMatchObject({
      exitCode: 1,
      summary: { tags: { other: 1 }, stays: ['app:latest'], bytesSent: 0 },
    })
    await expectHere('app', 'latest', TOOL)
    expect(await imported(other.url, '--overwrite')).toMatchObject({
      exitCode: 0,
      summary: { tags: { brought: 1, other: 0 }, stays: [] },
    })
    await expectHere('app', 'latest', NEWER)
  })
})

/** A registry that has these images with the tag v1, by the names of their repositories. */
function serving(images: Readonly<Record<string, Image>>): FakeAnswer {
  return serveRegistry(Object.fromEntries(Object.entries(images).map(([name, image]) => [name, { v1: image }])))
}

const LARGE = sizedImage('large', 2_000_000)
const [LAYER] = LARGE.layers as readonly [Content]
const TWO_PROCESSES = { processes: 2, expectsFaults: true }
const KILLS = (['the import', 'the registry'] as const).flatMap((killed) =>
  Array.from({ length: 11 }, (_, tenths) => ({ killed, tenths })),
)
const IMAGES = { one: makeImage('one'), two: makeImage('two'), three: makeImage('three') }

describe('an import', () => {
  test('refuses what it cannot understand with a sentence', async () => {
    const { exitCode, stderr } = await tryImport('http://127.0.0.1:9', '--tags', 'semver:latest')
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/^berth: "semver:latest" is no pattern for tags.+\n$/)])
  })

  // Of about 20 questions.
  test.each(someOf('import killed', [1, 4, 7, 10, 13, 16, 19], 3))(
    'that is killed at question %d of the other registry is whole after the next one',
    async (at) => {
      const serve = serving(IMAGES)
      let questions = 0
      const reached = Promise.withResolvers<void>()
      await using other = await FakeUpstream.start((request, response) => {
        questions += 1
        if (questions === at) reached.resolve()
        // It never hears the answer.
        return questions >= at && questions < at + 1000 ? undefined : serve(request, response)
      })
      const command = [...FAST_BERTH, 'import', lab.registry.address, '--from', other.url]
      const child = Bun.spawn(command, { env: lab.environment, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
      await reached.promise
      child.kill('SIGKILL')
      await child.exited

      // What a tag names is whole, whatever has come.
      for (const [name, image] of Object.entries(IMAGES))
        if ((await here.headManifest(name, 'v1')).status === 200) await expectHere(name, 'v1', image)
      questions = 1000 + at
      expect(await imported(other.url)).toMatchObject({ exitCode: 0, summary: { tags: { failed: 0, other: 0 } } })
      for (const [name, image] of Object.entries(IMAGES)) await expectHere(name, 'v1', image)
    },
  )

  test.each(someOf('tenths of a blob, and what is killed', KILLS, 1))(
    'and kill -9 of $killed after $tenths tenths of a blob: no part of it is shown, and the next import brings the whole',
    async ({ killed, tenths }) => {
      const serve = serving({ large: LARGE })
      const gate = new Gate()
      await using other = await FakeUpstream.start(async (request, response) => {
        if (request.method !== 'GET' || request.url?.endsWith(LAYER.digest) !== true) return serve(request, response)
        response.writeHead(200, { 'content-length': LAYER.bytes.length })
        response.flushHeaders()
        const part = LAYER.bytes.subarray(0, (LAYER.bytes.length / 10) * tenths)
        if (part.length > 0) await new Promise<void>((sent) => response.write(part, () => sent()))
        await gate.pass()
        response.end(LAYER.bytes.subarray(part.length))
      })
      await using registry = await startBerth({ folder: lab.folder, dataDirectory: lab.folder.join('two'), ...TWO_PROCESSES })
      here = new RegistryClient(registry.url)
      const command = [...FAST_BERTH, 'import', registry.address, '--from', other.url]
      const child = Bun.spawn(command, { env: lab.environment, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
      await gate.reached()
      other.answer = serve

      if (killed === 'the import') child.kill('SIGKILL')
      else for (const pid of await registry.workers()) process.kill(pid, 'SIGKILL')
      gate.open()

      await child.exited
      await poll('both processes serve', 60_000, async () => listenersOn(registry.port) === 2 || undefined)
      // With every byte sent it may have been whole by then.
      if (killed === 'the import' && tenths < 10) expect((await here.headBlob('large', LAYER.digest)).status).toBe(404)
      expect((await run(command, { environment: lab.environment })).exitCode).toBe(0)
      await expectHere('large', 'v1', LARGE)
    },
  )
})
