import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pushImage } from '../collect/rows/row.ts'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { freePort } from '../support/free-port.ts'
import { type Content, makeImage } from '../support/images.ts'
import { describeOnStores, STORE_START_MS } from '../support/object-store.ts'
import { commandsIn, operationsPage } from '../support/page-commands.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { type Environment, environmentIn, type Outcome, poll, run } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { S3Client } from '../support/s3-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const SOON_MS = 90_000
const ROOT = 'docker/registry/v2'
const COMMANDS = commandsIn(operationsPage('check.md'))
const image = makeImage('one', { layers: 2 })
const [layer] = image.layers as [Content]
const broken = makeImage('two', { layers: 1 })

let folder: TemporaryFolder
let berth: BerthProcess | undefined

beforeEach(() => {
  folder = new TemporaryFolder()
})
afterEach(async () => {
  await berth?.[Symbol.asyncDispose]()
  berth = undefined
  folder[Symbol.dispose]()
})

/** As a shell runs the line of the document, without the words for a container. */
async function shell(words: string, config = berth?.config ?? '', variables: Environment = {}): Promise<Outcome> {
  const environment = {
    ...variables,
    ...environmentIn(folder.path),
    STATE_DIRECTORY: folder.join('state'),
    BERTH: BERTH_PROGRAM,
    CONFIG: config,
  }
  return await run(['sh', '-c', `"$BERTH" ${words} "$CONFIG"`], { environment })
}

const hexOf = ({ digest }: Content) => digest.slice('sha256:'.length)
const pathOf = (content: Content) => `${ROOT}/blobs/sha256/${hexOf(content).slice(0, 2)}/${hexOf(content)}/data`
const flipped = ({ bytes }: Content) => bytes.map((byte, place) => (place === 9 ? byte ^ 1 : byte))
const linesWith = (text: string, ...words: readonly string[]) =>
  text.split('\n').filter((line) => words.every((word) => line.includes(word)))

test('the commands of docs/operations/check.md find, mend and move aside, beside a server, and a push heals the rest', async () => {
  berth = await startBerth({ folder, expectsFaults: true })
  const client = new RegistryClient(berth.url)
  await pushImage(client, image, 'v1', 'team/app')
  await pushImage(client, broken, 'broken', 'team/app')
  const data = folder.join('data')
  writeFileSync(join(data, pathOf(layer)), flipped(layer))
  rmSync(join(data, pathOf(image.manifest)))
  const revision = `${ROOT}/repositories/team/app/_manifests/revisions/sha256/${hexOf(broken.manifest)}`
  rmSync(join(data, revision), { recursive: true })

  const outcomes: Outcome[] = []
  for (const words of COMMANDS) outcomes.push(await shell(words))

  const [found, json, repaired, removed] = outcomes
  expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([1, 1, 1, 0])
  expect(linesWith(found?.stdout ?? '', 'damage ')).toHaveLength(4)
  expect(found?.stdout).toContain(`damage      team/app@${layer.digest} has wrong bytes`)
  expect(found?.stdout).toContain(`damage      team/app@${image.manifest.digest} has no bytes`)
  expect(found?.stdout).toContain(`damage      team/app:broken leads to ${broken.manifest.digest}`)
  expect(found?.stdout).toEndWith('There are 4 damages; --repair mends what can be mended without loss.\n')
  const events = (json?.stdout ?? '').split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  expect(
    events
      .filter(({ event }) => event === 'finding')
      .map(({ kind }) => kind)
      .toSorted(),
  ).toEqual([...['dangling-tag', 'missing-bytes', 'stale-row', 'wrong-bytes']])
  expect(events.at(-1)).toMatchObject({ event: 'end', findings: 4, open: 4 })
  expect(repaired?.stdout).toContain(`moved aside team/app@${layer.digest}`)
  expect(repaired?.stdout).toContain(`mended      team/app@${image.manifest.digest} has no bytes`)
  expect(repaired?.stdout).toContain(`mended      team/app@${broken.manifest.digest}: the database says something else`)
  expect(removed?.stdout).toBe('Removed team/app:broken.\n')
  expect((await client.getBlob('team/app', layer.digest)).status).toBe(404)
  expect(readFileSync(join(data, `berth/v1/quarantine/sha256.${hexOf(layer)}`)).equals(flipped(layer))).toBe(true)

  await pushImage(client, image, 'v1', 'team/app')
  const healed = await shell('check')

  expect(healed).toMatchObject({ exitCode: 0 })
  expect(healed.stdout).toEndWith('All of it is as it should be.\n')
  expect((await client.getBlob('team/app', layer.digest)).status).toBe(200)
})

describeWith({ programs: [PEER_PROGRAM] }, 'while no server runs,', () => {
  test('what registry:2 wrote is checked and mended, and registry:2 serves it', async () => {
    const data = folder.join('data')
    const current = `${ROOT}/repositories/team/app/_manifests/tags/v1/current/link`
    {
      await using peer = await startPeer({ folder, dataDirectory: data })
      await pushImage(new RegistryClient(peer.url), image, 'v1', 'team/app')
    }
    writeFileSync(join(data, current), 'sha256:')
    rmSync(dirname(join(data, `${ROOT}/repositories/team/app/_layers/sha256/${hexOf(layer)}/link`)), { recursive: true })
    const config = await folder.file('config.yml', `version: 0.1\nstorage: { filesystem: { rootdirectory: ${data} } }\n`)

    const found = await shell('check', config)
    const refused = await shell('check --repair', config, { REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true' })
    const repaired = await shell('check --repair', config)

    expect([refused.exitCode, refused.stderr]).toEqual([
      1,
      expect.stringContaining('storage.maintenance.readonly.enabled is true'),
    ])
    expect([found.exitCode, repaired.exitCode]).toEqual([1, 0])
    expect(repaired.stdout).toContain('mended      team/app:v1 has a link file that is torn')
    expect(repaired.stdout).toContain(`mended      team/app@${layer.digest} is missing, and ${image.manifest.digest} names it`)
    expect(repaired.stdout).toEndWith('Nothing is damaged any more.\n')
    await using peer = await startPeer({ folder, dataDirectory: data })
    const client = new RegistryClient(peer.url)
    expect((await client.getManifest('team/app', 'v1')).status).toBe(200)
    expect((await client.getBlob('team/app', layer.digest)).status).toBe(200)
  })
})

test('the scrub of a server moves a damaged blob aside, tells it in log, metrics and health, and a push heals it', async () => {
  const debugPort = await freePort()
  const adapt = (config: string) =>
    config
      .replace('http:\n', `http:\n  debug: { addr: "127.0.0.1:${debugPort}", prometheus: { enabled: true } }\n`)
      .replace('storage:\n', 'storage:\n  maintenance: { scrub: { enabled: true, rate: 0 } }\n')
  const debug = async (path: string) => await (await fetch(`http://127.0.0.1:${debugPort}${path}`)).text()
  berth = await startBerth({ folder })
  await pushImage(new RegistryClient(berth.url), image, 'v1', 'team/app')
  await berth.stop()
  writeFileSync(join(folder.join('data'), pathOf(layer)), flipped(layer))

  berth = await startBerth({ folder, adapt, processes: 2, expectsFaults: true })
  const count = async (name: string) =>
    linesWith(await debug('/metrics'), `${name} `)
      .find((line) => line.startsWith(name))
      ?.split(' ')
      .at(-1)
  await poll('it is found', SOON_MS, async () => ((await count('berth_scrub_missing_blobs')) === '1' ? true : undefined))
  await poll('the pass ends', SOON_MS, async () =>
    (await count('berth_scrub_pass_timestamp_seconds')) !== undefined ? true : undefined,
  )

  const told = linesWith(berth.program.output, 'level=error', 'a blob is damaged: it was moved aside, and must be pushed again')
  expect(told).toHaveLength(1)
  expect(told[0]).toContain(layer.digest)
  expect(JSON.parse(await debug('/debug/health'))).toEqual({
    blobs: `were damaged and are moved aside, push them again; the log names the repositories: ${layer.digest}`,
  })
  expect(linesWith(await debug('/metrics'), 'berth_scrub_blobs_total')).toEqual(
    expect.arrayContaining([expect.stringMatching(/verdict="damaged"\} 1$/), expect.stringMatching(/verdict="whole"\} 3$/)]),
  )
  await pushImage(new RegistryClient(berth.url), image, 'v1', 'team/app')
  expect(JSON.parse(await debug('/debug/health'))).toEqual({})
})

describeOnStores(
  'in a bucket',
  (store) => {
    test(
      'wrong bytes are moved aside beside a server, and a push heals them',
      async () => {
        const bucket = await store().newBucket()
        const s3 = new S3Client(bucket)
        berth = await startBerth({ folder, dataDirectory: bucket })
        const client = new RegistryClient(berth.url)
        await pushImage(client, image, 'v1', 'team/app')
        await s3.sendToSuccess({ method: 'PUT', key: pathOf(layer), body: Buffer.from(flipped(layer)) })
        await s3.sendToSuccess({ method: 'DELETE', key: pathOf(image.manifest) })

        const repaired = await shell('check --repair')
        const gone = (await client.getBlob('team/app', layer.digest)).status
        await pushImage(client, image, 'v1', 'team/app')
        const healed = await shell('check')

        expect(repaired.stdout).toContain(`moved aside team/app@${layer.digest}`)
        expect(repaired.stdout).toContain(`mended      team/app@${image.manifest.digest}`)
        expect([repaired.exitCode, gone, healed.exitCode]).toEqual([1, 404, 0])
        await s3.sendToSuccess({ method: 'HEAD', key: `berth/v1/quarantine/sha256.${hexOf(layer)}` })
      },
      STORE_START_MS,
    )
  },
  ['versitygw'],
)
