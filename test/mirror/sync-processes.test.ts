import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { FAST_BERTH } from '../support/berth-program.ts'
import { someOf } from '../support/effort.ts'
import { FakeUpstream } from '../support/fake-upstream.ts'
import { blobsOf, type Image, makeImage, makeImageIndex } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { environmentIn, type Outcome, poll, run } from '../support/processes.ts'
import { expectStatus, pushImage, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { serveRegistry } from '../support/upstream-images.ts'

setDefaultTimeout(240_000)

const SOON_MS = 90_000
const IMAGES = { one: makeImage('one'), two: makeImage('two'), three: makeImage('three') }
const CONTENT = Object.fromEntries(Object.entries(IMAGES).map(([name, image]) => [name, { v1: image }]))
const WHOLE = /a scheduled mirror is whole/

interface Synced {
  readonly url: string
  readonly sync?: object
  readonly processes?: number
}

async function startSynced(folder: TemporaryFolder, { url, sync, processes = 1 }: Synced): Promise<BerthProcess> {
  const mirrors = [{ prefix: 'far', url, sync: { repositories: ['**'], ...sync } }]
  return await startBerth({ folder, moreConfig: stringify({ mirrors }), processes, expectsFaults: true })
}

async function expectHere(client: RegistryClient, repository: string, reference: string, image: Image): Promise<void> {
  const manifest = await expectStatus(await client.getManifest(repository, reference), 200)
  expect(Buffer.from(await manifest.bytes()).equals(image.manifest.bytes)).toBe(true)
  for (const { digest, bytes } of blobsOf(image)) {
    const blob = await expectStatus(await client.getBlob(repository, digest), 200)
    expect(Buffer.from(await blob.bytes()).equals(bytes)).toBe(true)
  }
}

describe('a scheduled mirror of several processes', () => {
  test('is brought by one of them, each blob once', async () => {
    using folder = new TemporaryFolder()
    await using upstream = await FakeUpstream.start(serveRegistry(CONTENT))
    await using mirror = await startSynced(folder, { url: upstream.url, processes: 2 })

    await mirror.program.waitForOutput(WHOLE, SOON_MS)

    const asked = upstream.asked.filter((each) => /^GET .*\/(blobs|manifests)\//.test(each))
    expect(asked.length).toBe(new Set(asked).size)
    upstream.answer = (_, response) => void response.writeHead(503).end()
    for (const [name, image] of Object.entries(IMAGES))
      await expectHere(new RegistryClient(mirror.url), `far/${name}`, 'v1', image)
  })

  // Of about 25 questions.
  test.each(someOf('a sync is killed', [1, 3, 6, 9, 12, 15, 18, 21], 3))(
    'that is killed at question %d to the upstream goes on where it was',
    async (at) => {
      using folder = new TemporaryFolder()
      const serve = serveRegistry(CONTENT)
      const reached = Promise.withResolvers<void>()
      let questions = 0
      let isKilled = false
      await using upstream = await FakeUpstream.start((request, response) => {
        questions += 1
        if (questions === at) reached.resolve()
        // It never hears the answer.
        return questions >= at && !isKilled ? undefined : serve(request, response)
      })
      {
        const mirror = await startSynced(folder, { url: upstream.url })
        await reached.promise
        await mirror.kill()
      }
      isKilled = true
      const asked = upstream.asked.slice(0, at - 1)
      upstream.asked.length = 0

      await using mirror = await startSynced(folder, { url: upstream.url })
      await mirror.program.waitForOutput(WHOLE, SOON_MS)

      const client = new RegistryClient(mirror.url)
      for (const [name, image] of Object.entries(IMAGES)) await expectHere(client, `far/${name}`, 'v1', image)
      const blobsOfBoth = [...asked, ...upstream.asked].filter((each) => /^GET .*\/blobs\//.test(each))
      // Those under way when it was killed come once more.
      expect(blobsOfBoth.length).toBeLessThanOrEqual(9 + 8)
    },
  )
})

/** Each command of the block for a shell about mirrors, without its comment. */
const COMMANDS = [
  ...readFileSync(join(import.meta.dir, '../../docs/mirrors.md'), 'utf8').matchAll(/^berth (mirror .*?)(?: +#.*)?$/gm),
].map(([, words = '']) => words.split(' '))

const AMD64 = makeImage('amd64')
const ARM64 = makeImage('arm64', { architecture: 'arm64' })
const INDEX = makeImageIndex([AMD64, ARM64])

describeWith({ programs: [PEER_PROGRAM] }, 'berth mirror', () => {
  test('brings what is to be here, whether or not a server runs, and shows how it is', async () => {
    using folder = new TemporaryFolder()
    await using upstream = await startPeer({ folder, dataDirectory: folder.join('upstream') })
    const there = new RegistryClient(upstream.url)
    for (const image of INDEX.images) await pushImage(there, 'team/app', image, image.manifest.digest)
    await expectStatus(await there.putManifest('team/app', 'v1', INDEX.manifest), 201)
    await pushImage(there, 'lib/tool', IMAGES.one, 'v1')
    const sync = { repositories: ['team/*', 'lib/tool'], platforms: ['linux/arm64'] }
    const mirrors = [{ prefix: 'quay', url: upstream.url, sync }]
    const config = await folder.file('config.yml', stringify({ ...configOf(folder), mirrors }))
    await folder.directory('data')
    const berth = async (words: readonly string[]): Promise<Outcome> =>
      await run([...FAST_BERTH, ...words, ...(words[1] === 'sync' ? ['--config'] : []), config], {
        environment: environmentIn(folder.path),
      })
    expect(COMMANDS.map((words) => words[1])).toEqual(['sync', 'sync', 'status'])
    const [dryRun = [], now = [], status = []] = COMMANDS

    expect(await berth(dryRun)).toMatchObject({
      exitCode: 0,
      stdout:
        'quay/lib/tool:v1 would be brought\nquay/team/app:v1 would be brought\n2 tags: 0 are here, 0 have moved, 2 are missing. Nothing was brought.\n',
    })
    expect(await berth(now)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^quay: 2 tags in 2 repositories are here, 6 blobs were brought, [\d.]+ kB\n$/),
    })
    expect((await berth(status)).stdout).toMatch(
      /quay: run 1 ended .*, 2 tags looked at, 6 blobs brought, .*; whole since .*; next /,
    )
    await upstream.stop()

    await using served = await startBerth({ folder, config: readFileSync(config, 'utf8'), expectsFaults: true })
    const [told] = (await berth(['mirror', 'status', '--json'])).stdout.trim().split('\n')
    expect(JSON.parse(told ?? '')).toMatchObject({ mirror: 'quay', sync: { note: { run: 1, tags: 2, failed: 0 } } })
    const client = new RegistryClient(served.url)
    const index = await expectStatus(await client.getManifest('quay/team/app', 'v1'), 200)
    expect(Buffer.from(await index.bytes()).equals(INDEX.manifest.bytes)).toBe(true)
    await expectHere(client, 'quay/team/app', ARM64.manifest.digest, ARM64)
    await expectHere(client, 'quay/lib/tool', 'v1', IMAGES.one)
    expect((await client.getManifest('quay/team/app', AMD64.manifest.digest)).status).toBe(503)
    await poll('the duty has a holder', SOON_MS, async () => {
      const { duties } = (await (await client.request('GET', '/readyz')).json()) as { duties: Record<string, string> }
      return duties.sync === 'held' || undefined
    })
  })
})

function configOf(folder: TemporaryFolder) {
  const storage = { filesystem: { rootdirectory: folder.join('data') } }
  return { version: '0.1', storage, http: { addr: '127.0.0.1:0' } }
}
