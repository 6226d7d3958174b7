import { expect, test } from 'bun:test'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { startBerth } from '../support/berth-process.ts'
import { freePort } from '../support/free-port.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { describeOnStores, STORE_START_MS } from '../support/object-store.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { S3Client } from '../support/s3-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000
const SOON_MS = 90_000
const ROOT = 'docker/registry/v2'
/** A name that registry:2 takes, an algorithm that it takes, and a file, which is no obstacle. */
const FOREIGN = [
  `${ROOT}/repositories/host:5000/app/_manifests/tags/v1/current/link`,
  `${ROOT}/repositories/app/_layers/sha384/${'ab'.repeat(48)}/link`,
  `${ROOT}/repositories/README`,
]
const OBSTACLES = [`${ROOT}/repositories/app/_layers/sha384`, `${ROOT}/repositories/host:5000`]

test(
  'directories that Berth does not know are named to the operator while all is served, and forgotten when they have gone',
  async () => {
    using folder = new TemporaryFolder()
    const data = folder.join('data')
    for (const path of FOREIGN) {
      await mkdir(dirname(`${data}/${path}`), { recursive: true })
      await writeFile(`${data}/${path}`, 'of another registry')
    }
    const debugPort = await freePort()
    await using berth = await startBerth({ folder, dataDirectory: data, adapt: withDebug(debugPort) })

    await expectNamed(berth, debugPort)
    for (const path of OBSTACLES) await rm(`${data}/${path}`, { recursive: true })
    await expectForgotten(berth, debugPort)
  },
  TEST_MS,
)

describeOnStores(
  'in a bucket',
  (store) => {
    test(
      'keys that Berth does not know are named to the operator while all is served, and forgotten when they have gone',
      async () => {
        using folder = new TemporaryFolder()
        const bucket = await store().newBucket()
        const s3 = new S3Client(bucket)
        for (const key of FOREIGN) await s3.sendToSuccess({ method: 'PUT', key, body: Buffer.from('of another registry') })
        const debugPort = await freePort()
        await using berth = await startBerth({ folder, dataDirectory: bucket, adapt: withDebug(debugPort) })

        await expectNamed(berth, debugPort)
        for (const key of FOREIGN) await s3.sendToSuccess({ method: 'DELETE', key })
        await expectForgotten(berth, debugPort)
      },
      STORE_START_MS,
    )
  },
  ['versitygw'],
)

function withDebug(port: number): (config: string) => string {
  return (config) => config.replace('http:\n', `http:\n  debug: { addr: "127.0.0.1:${port}", prometheus: { enabled: true } }\n`)
}

async function expectNamed(berth: RegistryProcess, debugPort: number): Promise<void> {
  await poll('both are counted', SOON_MS, async () => (await countOf(debugPort)) === '2' || undefined)
  expect(JSON.parse(await debug(debugPort, '/debug/health'))).toEqual({
    collector: `the storage has directories that Berth does not know, no bytes are collected while they are there: ${OBSTACLES.join(', ')}`,
  })
  expect(linesWith(berth, 'level=warn', 'that Berth does not know')).toHaveLength(2)
  for (const path of OBSTACLES) expect(linesWith(berth, 'that Berth does not know', `path=${path}`)).toHaveLength(1)
  await expectServing(new RegistryClient(berth.url))
}

async function expectForgotten(berth: RegistryProcess, debugPort: number): Promise<void> {
  await poll('both are forgotten', SOON_MS, async () => (await countOf(debugPort)) === '0' || undefined)
  expect(await debug(debugPort, '/debug/health')).toBe('{}')
  expect(linesWith(berth, 'a directory that Berth does not know has gone from the storage')).toHaveLength(2)
}

async function countOf(debugPort: number): Promise<string | undefined> {
  return /^berth_collector_obstacles (\d+)$/m.exec(await debug(debugPort, '/metrics'))?.[1]
}

async function expectServing(client: RegistryClient): Promise<void> {
  const image = makeImage('served')
  for (const blob of blobsOf(image)) await client.pushBlob('app', blob)
  await expectStatus(await client.putManifest('app', 'latest', image.manifest), 201)
  await expectStatus(await client.getManifest('app', 'latest'), 200)
}

async function debug(port: number, path: string): Promise<string> {
  return (await (await fetch(`http://127.0.0.1:${port}${path}`)).text()).trim()
}

function linesWith(berth: RegistryProcess, ...parts: readonly string[]): readonly string[] {
  return berth.program.output.split('\n').filter((line) => parts.every((part) => line.includes(part)))
}
