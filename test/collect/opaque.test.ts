import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/load-config.ts'
import { collectGarbage } from '../../src/operating/collection.ts'
import { openDisk } from '../../src/storage/filesystem/disk.ts'
import { FilesystemDriver } from '../../src/storage/filesystem/filesystem.ts'
import { probeRoot } from '../../src/storage/filesystem/probe.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { collect, passTime, TEST_POLICY } from '../support/collecting.ts'
import { makeOpaqueStorage, type OpaqueStorage, placeOpaqueStorage, type Story } from '../support/opaque-storages.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { registryConfig } from '../support/registry-config.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const SECOND_MS = 1_000
const DAY_S = 24 * 60 * 60
/** Everything is due at once: what stays stays for what it is, and for no time that is left to it. */
const IMPATIENT = { ...TEST_POLICY, graceMs: SECOND_MS, foundMs: SECOND_MS, windowMs: SECOND_MS }
const OBSTACLES: readonly Story[] = ['Team/App', 'sha384']
const SCHEMA_1 = 'compatibility:\n  schema1:\n    enabled: true\n'

/** What a server does by itself, and the command while none runs: nothing is left to wait for. */
const COLLECTORS = [
  ['the collector', collectThrice],
  ['garbage-collect', collectByCommand],
] as const

describeWith({ programs: [PEER_PROGRAM] }, 'of a storage that other registries and accidents filled', () => {
  describe.each(COLLECTORS)('%s', (_, collected) => {
    test(
      'takes what nothing names, and nothing else: registry:2 serves all the rest as before',
      async () => {
        using folder = new TemporaryFolder()
        const opaque = makeOpaqueStorage({ without: OBSTACLES })
        await fill(folder, opaque)
        const before = await answersOfPeer(folder, opaque)

        await collected(folder)

        expect(missing(folder, opaque)).toEqual([pathOf(opaque.garbage.digest), linkOf(opaque.garbage)])
        expect(await answersOfPeer(folder, opaque)).toEqual(before)
      },
      TEST_MS,
    )

    test(
      'takes no bytes while it holds something that Berth does not know, and the link that nothing names',
      async () => {
        using folder = new TemporaryFolder()
        const opaque = makeOpaqueStorage()
        await fill(folder, opaque)
        const before = await answersOfPeer(folder, opaque)

        await collected(folder)

        expect(missing(folder, opaque)).toEqual([linkOf(opaque.garbage)])
        expect(await answersOfPeer(folder, opaque)).toEqual(before)
      },
      TEST_MS,
    )
  })
})

async function fill(folder: TemporaryFolder, opaque: OpaqueStorage): Promise<void> {
  const root = folder.join('data')
  await probeRoot(root)
  const driver = await FilesystemDriver.open(await openDisk(root), root)
  await placeOpaqueStorage(driver, opaque)
  await driver.close()
}

async function collectThrice(folder: TemporaryFolder): Promise<void> {
  await using berth = await BerthInProcess.start(folder.join('data'), { collector: IMPATIENT })
  await berth.scan()
  for (let pass = 0; pass < 3; pass += 1) {
    await passTime(berth, 2 * SECOND_MS)
    await collect(berth)
    // What has been condemned goes with the next tick after its window.
    await passTime(berth, 2 * SECOND_MS)
    await collect(berth)
  }
}

async function collectByCommand(folder: TemporaryFolder): Promise<void> {
  const data = folder.join('data')
  const then = Date.now() / SECOND_MS - DAY_S
  for (const path of await readdir(data, { recursive: true })) await utimes(join(data, path), then, then)
  const path = await folder.file('config.yml', registryConfig(data))
  const { config } = loadConfig({ path, environment: {} })
  const told = { repository: ignore, marksManifest: ignore, marksBlob: ignore, untagged: ignore }
  const options = { removesUntagged: false, dryRun: false, now: false, told, onPlan: ignore }
  for (let round = 0; round < 3; round += 1)
    await collectGarbage(config, new RecordedLog(), { ...options, signal: new AbortController().signal })
}

function ignore(): void {
  // The lines are another test's.
}

/** The files that have gone. */
function missing(folder: TemporaryFolder, { files }: OpaqueStorage): readonly string[] {
  return [...files.keys()].filter((path) => !existsSync(folder.join(`data/${path}`)))
}

function linkOf({ repository, digest }: OpaqueStorage['garbage']): string {
  return `docker/registry/v2/repositories/${repository}/_layers/${digest.replace(':', '/')}/link`
}

function pathOf(digest: string): string {
  const hex = digest.slice('sha256:'.length)
  return `docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`
}

/** What a client gets of each image: the manifest by its tag and its digest, and all that it names. */
async function answersOfPeer(folder: TemporaryFolder, { repositories }: OpaqueStorage) {
  await using peer = await startPeer({ folder, dataDirectory: folder.join('data'), moreConfig: SCHEMA_1 })
  const client = new RegistryClient(peer.url)
  const answers: (readonly [path: string, status: number, body: string])[] = []
  for (const { name, manifest, named } of repositories) {
    const paths = [`manifests/v1`, `manifests/${manifest}`, ...named.map((digest) => `blobs/${digest}`)]
    for (const path of paths) {
      const answer = await client.request('GET', `/v2/${name}/${path}`, { headers: { Accept: '*/*' } })
      const body = await answer.text()
      // registry:2 signs an image of schema 1 anew for each answer.
      answers.push([`${name}/${path}`, answer.status, body.replace(/"signatures":\[\{.*/s, '')])
    }
  }
  return answers
}
