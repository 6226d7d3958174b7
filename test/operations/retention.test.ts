import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pushImage } from '../collect/rows/row.ts'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { type Image, makeImage } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { environmentIn, type Outcome, run } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const DOCUMENT = readFileSync(join(import.meta.dir, '../../docs/operations/retention.md'), 'utf8')
const COMMANDS = [...DOCUMENT.matchAll(/^docker exec registry berth (.*?)(?: +#.*)?$/gm)].map(([, words = '']) => words)
const SECTION = /```yaml\n(retention:\n[\s\S]*?)```/.exec(DOCUMENT)?.[1] ?? ''
const withSection = (config: string) => `${config}\n${SECTION}`
const images = Array.from({ length: 5 }, (_, number) => makeImage(`image ${number}`, { layers: 1 })) as readonly Image[]

let folder: TemporaryFolder
let berth: BerthProcess
let client: RegistryClient

beforeEach(async () => {
  folder = new TemporaryFolder()
  berth = await startBerth({ folder, adapt: withSection })
  client = new RegistryClient(berth.url)
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** As a shell runs the line of the document, without the words for a container. */
async function shell(words: string, variables: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const config = words.startsWith('retention') ? '"$CONFIG"' : '--config "$CONFIG"'
  const environment = { ...environmentIn(folder.path), BERTH: BERTH_PROGRAM, CONFIG: berth.config, ...variables }
  return await run(['sh', '-c', `"$BERTH" ${words} ${config}`], { environment })
}

async function push(repository: string, ...tags: readonly string[]): Promise<void> {
  for (const [number, tag] of tags.entries()) await pushImage(client, images[number] as Image, tag, repository)
}

test('the commands of docs/operations/retention.md show what the rules of its section do, and hold images', async () => {
  await push('team/app', 'v1.0.0', 'v1.10.0', 'v1.9.0', 'latest')
  await push('ci/web', 'pr-1', 'pr-2', 'main')
  await push('prod/api', 'v1')
  const digest = images[2]?.manifest.digest ?? ''

  const outputs: string[] = []
  for (const words of COMMANDS) {
    const outcome = await shell(words, { digest })
    expect(outcome).toMatchObject({ exitCode: 0, stderr: '' })
    outputs.push(outcome.stdout)
  }
  const after = await shell('retention preview')

  expect(COMMANDS).toHaveLength(5)
  expect(outputs[0]?.split('\n')).toEqual([
    'stays ci/web:main: rule 1 does not name it',
    'stays ci/web:pr-1: it is among the newest 2 of rule 1',
    'stays ci/web:pr-2: it is among the newest 2 of rule 1',
    'stays prod/api:v1: retention.immutable names it',
    'stays team/app:latest: retention.protected names it',
    'goes  team/app:v1.0.0: rule 2 names it, and none of its lines keeps it',
    'stays team/app:v1.10.0: it is among the highest 1 versions of rule 2',
    'goes  team/app:v1.9.0: rule 2 names it, and none of its lines keeps it',
    '',
    '2 tags would go, and 6 stay.',
    'Nothing goes while retention.dryrun is true.',
    '',
  ])
  const objects = (outputs[1] ?? '')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(objects).toHaveLength(9)
  expect(objects[5]).toEqual({
    ...{ repository: 'team/app', tag: 'v1.0.0', digest: images[0]?.manifest.digest, goes: true, reason: 'not kept' },
    because: 'rule 2 names it, and none of its lines keeps it',
  })
  expect(objects[8]).toEqual({
    totals: { tags: { go: 2, stay: 6 }, untagged: { go: 0, stay: 0 }, bytes: { going: 0, untagged: 0 }, isAlone: false },
    dryRun: true,
  })
  expect(outputs[2]).toBe('team/app:v1.0.0 is held: neither a client nor a rule deletes it until berth unhold team/app:v1.0.0.\n')
  expect(outputs[4]).toBe('team/app:v1.0.0 is not held any more.\n')
  expect(after.stdout).toContain('stays team/app:v1.9.0: it is held (berth unhold lets it go)\n')
})

test('what would be held, shown or kept and cannot be is refused with a sentence', async () => {
  await push('team/app', 'v1')

  const refusals = await Promise.all(['hold team/app:never', 'hold team/app', 'unhold team/app'].map((words) => shell(words)))
  const unheld = await shell('unhold team/app:v1')

  expect(refusals.map(({ exitCode }) => exitCode)).toEqual([1, 1, 1])
  expect(refusals.map(({ stderr }) => stderr.replace(/^[^:]*: /, '').trim())).toEqual([
    'failed to hold: The repository has no such tag or manifest.',
    expect.stringContaining('failed to hold: Name what is held: <repository>:<tag> or <repository>@<digest>'),
    expect.stringContaining('failed to unhold: Name what is held'),
  ])
  expect(unheld).toMatchObject({ exitCode: 0, stdout: 'team/app:v1 was not held.\n' })
})

test('berth delete leaves immutable and held tags where they fit its pattern, and says so', async () => {
  await push('prod/api', 'v1', 'test-1', 'test-2')
  await shell('hold prod/api:test-1')

  const outcome = await shell("delete --repositories 'prod/**' --tags '*' --yes")

  expect(outcome).toMatchObject({ exitCode: 0, stderr: '' })
  expect(outcome.stdout).toContain('stays     prod/api:v1: retention.immutable names it\n')
  expect(outcome.stdout).toContain('stays     prod/api:test-1: it is held (berth unhold lets it go)\n')
  expect(outcome.stdout).toContain('deleted prod/api:test-2\nDeleted 1 tag and 0 manifests.\n2 of them stay: the configuration')
  expect((await client.headManifest('prod/api', 'v1')).status).toBe(200)
})

describeWith({ programs: [PEER_PROGRAM] }, 'registry:2', () => {
  test('starts with the section, and passes over holds', async () => {
    await push('team/app', 'v1.0.0')
    expect(await shell('hold team/app:v1.0.0')).toMatchObject({ exitCode: 0 })
    await berth.stop()

    await using peer = await startPeer({
      folder,
      dataDirectory: folder.join('data'),
      adapt: withSection,
    })

    const registry = new RegistryClient(peer.url)
    expect(await (await registry.request('GET', '/v2/_catalog')).json()).toEqual({ repositories: ['team/app'] })
    expect((await registry.headManifest('team/app', 'v1.0.0')).status).toBe(200)
  })

  test('has pushed images that a tag left since: they count among its last ones', async () => {
    const [first, ...later] = images.slice(0, 3) as [Image, Image, Image]
    await pushImage(client, first, 'latest', 'team/app')
    await berth.stop()
    const peer = await startPeer({ folder, dataDirectory: folder.join('data') })
    for (const image of later) await pushImage(new RegistryClient(peer.url), image, 'latest', 'team/app')
    await peer[Symbol.asyncDispose]()
    for (const [place, { manifest }] of later.entries()) moveTimeOfIndex(manifest.digest, place + 1)
    const moves = "retention: {untagged: 30d, rules: [{repositories: ['**'], tags: ['*'], keep: {moves: 2}}]}\n"
    writeFileSync(berth.config, readFileSync(berth.config, 'utf8').replace(SECTION, moves))

    const { stdout, stderr, exitCode } = await shell('retention preview')

    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    expect(stdout.split('\n').slice(0, 3).toSorted()).toEqual(
      [
        'stays team/app:latest: rule 1 keeps the tag with its last 2 images',
        `stays team/app@${later[0]?.manifest.digest}: it is among the last 2 images of the tag latest`,
        `stays team/app@${first.manifest.digest}: it is not known since when it has no tag`,
      ].toSorted(),
    )
  })

  /** As if the push had been so many hours later: what lies ten seconds apart has an order. */
  function moveTimeOfIndex(digest: string, hours: number): void {
    const path = 'docker/registry/v2/repositories/team/app/_manifests/tags/latest/index/sha256'
    const atMs = Date.now() + hours * 3_600_000
    utimesSync(folder.join('data', path, digest.slice(7), 'link'), atMs / 1000, atMs / 1000)
  }
})
