import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { readdir, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { loadConfig } from '../../src/config/load-config.ts'
import { collectGarbage } from '../../src/operating/collection.ts'
import { startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { blobPlaces, imagePlaces, missing } from '../support/collected-places.ts'
import { freePort } from '../support/free-port.ts'
import { blobsOf, type Content, contentOf, makeImage } from '../support/images.ts'
import { describeOnStores, STORE_START_MS } from '../support/object-store.ts'
import { collectWithPeer, PEER_3_PROGRAM, PEER_PROGRAM, startPeer, startPeer3 } from '../support/peer.ts'
import { BackgroundProgram, environmentIn, type Outcome, run } from '../support/processes.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { registryConfig } from '../support/registry-config.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** `garbage-collect` beside what else runs: a server that starts meanwhile, a signal, other registries, other machines. */

setDefaultTimeout(120_000)
const DAY_S = 24 * 60 * 60
const image = makeImage('kept', { layers: 1 })
const orphan = contentOf('', Buffer.from('a layer that nothing names'))
/** Every key, each with another value than the default one. */
const EVERY_KEY = `  maintenance:
    collector:
      enabled: true
      grace: 30h
      found: 200h
      window: 30m
      interval: 2h
      rate: 100
      brake: 40
      dryrun: false
`

let folder: TemporaryFolder
let data: string
let config: string

beforeEach(async () => {
  folder = new TemporaryFolder()
  data = folder.join('data')
  config = await folder.file('config.yml', registryConfig(data))
})
afterEach(() => folder[Symbol.dispose]())

async function collect(...flags: readonly string[]): Promise<Outcome> {
  return await run([BERTH_PROGRAM, 'garbage-collect', ...flags, config], { environment: environmentIn(folder.path) })
}

/** As registry:2 stores a layer that nothing names. */
function writeOrphan(content: Content): void {
  for (const place of blobPlaces('app', content)) {
    const path = join(data, 'docker/registry/v2', place)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, place.startsWith('blobs/') ? content.bytes : content.digest)
  }
}

/** Makes everything a day old. */
async function age(): Promise<void> {
  const then = Date.now() / 1000 - DAY_S
  for (const path of await readdir(data, { recursive: true })) await utimes(join(data, path), then, then)
}

async function push(client: RegistryClient): Promise<void> {
  for (const blob of blobsOf(image)) await client.pushBlob('app', blob)
  await expectStatus(await client.putManifest('app', 'latest', image.manifest), 201)
}

async function expectWhole(client: RegistryClient): Promise<void> {
  await expectStatus(await client.getManifest('app', 'latest'), 200)
  for (const { digest } of blobsOf(image)) await expectStatus(await client.getBlob('app', digest), 200)
}

describe('garbage-collect', () => {
  test('takes nothing from the moment on in which a server starts, and can be run again beside it', async () => {
    writeOrphan(orphan)
    await age()
    const port = await freePort()
    const served = await folder.file('served.yml', registryConfig(data).replace('127.0.0.1:0', `127.0.0.1:${port}`))
    const server = Promise.withResolvers<BackgroundProgram>()
    const client = new RegistryClient(`http://127.0.0.1:${port}`)
    // What is found is told in the middle of the command: it goes on when the server listens.
    const onPlan = () => {
      server.resolve(new BackgroundProgram([BERTH_PROGRAM, 'serve', served], { environment: environmentIn(folder.path) }))
      waitUntilListening(port)
    }
    const told = { repository: ignore, marksManifest: ignore, marksBlob: ignore, untagged: ignore }
    const options = { removesUntagged: true, dryRun: false, now: false, told, onPlan, signal: new AbortController().signal }

    const collected = collectGarbage(loadConfig({ path: config, environment: {} }).config, new RecordedLog(), options)
    await expect(collected).rejects.toThrow('a server has started meanwhile; run the command again beside it')

    await using _ = await server.promise
    expect(missing(data, blobPlaces('app', orphan))).toEqual([])
    await expectStatus(await client.headBlob('app', orphan.digest), 200)
    await push(client)
    await expectWhole(client)
    expect(await collect('-q')).toMatchObject({ exitCode: 0, stderr: '' })
    expect(missing(data, blobPlaces('app', orphan))).toEqual([])
  })

  test('that is told to end ends between two batches with 0, and the next run takes the rest', async () => {
    const orphans = Array.from({ length: 700 }, (_, number) => contentOf('', Buffer.from(`layer ${number}`)))
    for (const each of orphans) writeOrphan(each)
    await age()
    const command = [BERTH_PROGRAM, 'garbage-collect', '-q', config]
    await using collecting = new BackgroundProgram(command, { environment: environmentIn(folder.path) })
    await collecting.waitForOutput(/blob eligible for deletion/, 60_000)

    process.kill(collecting.pid, 'SIGTERM')

    expect(await collecting.exited).toBe(0)
    expect(collecting.output).toContain('Ended by a signal between two batches; the next run goes on.')
    const left = () => orphans.filter((each) => missing(data, blobPlaces('app', each)).length < 2).length
    expect(left()).toBeGreaterThan(0)
    expect(await collect('-q')).toMatchObject({ exitCode: 0, stderr: '' })
    expect(left()).toBe(0)
  })
})

describeWith({ programs: [PEER_PROGRAM, PEER_3_PROGRAM] }, 'one configuration with every key of the collector', () => {
  test('starts registry:2, registry:3 and Berth, and after Berth has collected both find nothing', async () => {
    const adapt = (text: string) => text.replace('  delete:\n', `${EVERY_KEY}  delete:\n`)
    config = await folder.file('config.yml', adapt(registryConfig(data)))
    for (const start of [startPeer, startBerth, startPeer3]) {
      await using registry = await start({ folder, dataDirectory: data, adapt })
      const client = new RegistryClient(registry.url)
      await push(client)
      // What Berth was seen to push within the hour stays.
      if (start !== startBerth) await client.pushBlob('app', orphan)
      await expectWhole(client)
    }
    await age()

    expect(await collect('-q')).toMatchObject({ exitCode: 0, stderr: '' })

    expect(missing(data, blobPlaces('app', orphan))).toHaveLength(2)
    expect(missing(data, imagePlaces('app', image))).toEqual([])
    const peers = await collectWithPeer(data, { dryRun: true, deleteUntagged: true })
    expect([peers.exitCode, ...peers.eligibleBlobs, ...peers.eligibleManifests]).toEqual([0])
    const environment = { ...environmentIn(folder.path), OTEL_TRACES_EXPORTER: 'none' }
    for (const program of [PEER_PROGRAM, PEER_3_PROGRAM]) {
      const found = await run([program, 'garbage-collect', '-d', config], { environment })
      expect(found.exitCode).toBe(0)
      expect(found.stdout).not.toMatch(/^(blob|manifest) eligible|link eligible/m)
    }
  })
})

describeOnStores(
  'garbage-collect on a bucket',
  (store) => {
    test(
      'says that another machine serves it, and works when none does',
      async () => {
        const bucket = await store().newBucket()
        config = await folder.file('config.yml', registryConfig(bucket))
        using machine = new TemporaryFolder()
        {
          await using berth = await startBerth({ folder: machine, dataDirectory: bucket })
          const client = new RegistryClient(berth.url)
          await push(client)
          await client.pushBlob('app', orphan)

          const refused = await collectOnMachine(folder)

          expect(refused).toMatchObject({
            exitCode: 1,
            stderr: expect.stringContaining('Another machine serves this bucket; run the command there, or stop that server.'),
          })
          expect(await collectOnMachine(machine)).toMatchObject({ exitCode: 0 })
          await expectWhole(client)
          await expectStatus(await client.headBlob('app', orphan.digest), 200)
        }

        const collected = await collectOnMachine(folder)

        expect(collected).toMatchObject({ exitCode: 0, stderr: '' })
        expect(collected.stdout).toContain('1 links and blobs that nothing needs stay')
        await using berth = await startBerth({ folder: machine, dataDirectory: bucket })
        await expectWhole(new RegistryClient(berth.url))
      },
      STORE_START_MS,
    )
  },
  ['versitygw'],
)

/** What is local to a machine lies in its folder. */
async function collectOnMachine(machine: TemporaryFolder): Promise<Outcome> {
  const environment = { ...environmentIn(machine.path), STATE_DIRECTORY: machine.join('state') }
  return await run([BERTH_PROGRAM, 'garbage-collect', config], { environment })
}

/** Holds everything in this process until a server on that port answers. */
function waitUntilListening(port: number): void {
  const script = `for _ in $(seq 600); do curl -sf http://127.0.0.1:${port}/v2/ && exit; sleep 0.1; done; exit 1`
  if (Bun.spawnSync(['sh', '-c', script]).exitCode !== 0) throw new Error('the server does not listen')
}

function ignore(): void {
  // The lines are another test's.
}
