import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { pushImage } from '../collect/rows/row.ts'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { makeImage, makeImageIndex } from '../support/images.ts'
import { commandsIn, operationsPage } from '../support/page-commands.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { environmentIn, type Outcome, run } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const COMMANDS = commandsIn(operationsPage('delete.md'))
const [one, two, three] = ['one', 'two', 'three'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image, Image]
type Image = ReturnType<typeof makeImage>
const children = [makeImage('app', { layers: 1 }), makeImage('app', { layers: 1, architecture: 'arm64' })]
const index = makeImageIndex(children)

let folder: TemporaryFolder
let berth: BerthProcess
let client: RegistryClient

beforeEach(async () => {
  folder = new TemporaryFolder()
  berth = await startBerth({ folder })
  client = new RegistryClient(berth.url)
  await pushImage(client, one, 'v1', 'team/app')
  await pushImage(client, one, 'latest', 'team/app')
  await pushImage(client, two, 'nightly-1', 'team/app')
  for (const child of children) await pushImage(client, child, child.manifest.digest, 'team/app')
  await expectStatus(await client.putManifest('team/app', 'multi', index.manifest), 201)
  for (const repository of ['old/app', 'scratch/a', 'ci/web', 'ci/tools/lint']) await pushImage(client, three, 'pr-1', repository)
  await pushImage(client, three, 'main', 'ci/web')
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** As a shell runs the line of the document, without the words for a container. */
async function shell(words: string, variables: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const line = `"$BERTH" ${words} --config "$CONFIG"`
  const environment = { ...environmentIn(folder.path), BERTH: BERTH_PROGRAM, CONFIG: berth.config, ...variables }
  return await run(['sh', '-c', line], { environment })
}

const status = async (repository: string, reference: string) => (await client.getManifest(repository, reference)).status
const tokenOf = ({ stdout }: Outcome) => / --token ([0-9a-f]{32})$/m.exec(stdout)?.[1] ?? ''

test('the commands of docs/operations/delete.md print what would go, and then delete what their preview showed', async () => {
  const variables: Record<string, string> = { digest: one.manifest.digest }
  const outputs: string[] = []
  for (const words of COMMANDS) {
    const outcome = await shell(words, variables)
    expect(outcome).toMatchObject({ exitCode: 0, stderr: '' })
    outputs.push(outcome.stdout)
    if (words.includes('ci/**') && !words.includes('--older-than')) variables.token = tokenOf(outcome)
    if (words.includes('--older-than')) expect(outcome.stdout).toBe('Nothing fits, and nothing was deleted.\n')
    else if (!/--yes|--token/.test(words)) expect(outcome.stdout).toContain('Nothing was deleted. To delete this: --token ')
  }

  expect(COMMANDS).toHaveLength(9)
  expect(outputs[0]).toStartWith('tag       team/app:v1\n\n1 tag and 0 manifests in 1 repository.\n')
  expect(outputs[1]).toContain(`manifest  team/app@${one.manifest.digest}\ntag       team/app:latest\ntag       team/app:v1\n`)
  expect(outputs[1]).toMatch(/^It frees .* \(\d+ bytes\), by \d{4}-\d\d-\d\dT\d\d:\d\dZ\.$/m)
  expect(outputs[2]).toContain('It frees no bytes: something else needs all of them.')
  expect(outputs[3]).toContain('tag       scratch/a:pr-1\n')
  expect(outputs[7]).toContain('deleted ci/tools/lint:pr-1\ndeleted ci/web:pr-1\nDeleted 2 tags and 0 manifests.\n')
  expect(outputs[8]).toContain(`deleted old/app@${three.manifest.digest}\nDeleted 1 tag and 1 manifest.\n`)
  for (const each of outputs.slice(7)) expect(each).toMatch(/^Until \d{4}-\d\d-\d\dT\d\d:\d\dZ berth undelete brings it back\.$/m)
  expect([await status('ci/web', 'pr-1'), await status('ci/web', 'main'), await status('old/app', 'pr-1')]).toEqual([
    404, 200, 404,
  ])
  const shown = await (await client.request('GET', '/v2/_catalog')).json()
  expect(shown).toEqual({ repositories: ['ci/tools/lint', 'ci/web', 'scratch/a', 'team/app'] })
})

test('a token whose set has grown, a child of an image index, and what is not there are refused', async () => {
  const pattern = "delete --repositories 'ci/**' --tags 'pr-*'"
  const child = `team/app@${children[0]?.manifest.digest}`
  const preview = await shell(`${pattern} --dry-run`)
  await pushImage(client, two, 'pr-2', 'ci/web')

  const grown = await shell(`${pattern} --token ${tokenOf(preview)}`)
  const named = await shell(`delete ${child} --yes`)
  const unknown = await shell('delete team/app:never --yes')
  const forced = await shell(`delete ${child} --yes --force`)

  const changed = 'failed to delete: what would go has changed since the preview with this token; nothing was deleted'
  expect([grown.exitCode, grown.stderr]).toEqual([1, expect.stringContaining(changed)])
  expect([await status('ci/web', 'pr-1'), await status('ci/web', 'pr-2')]).toEqual([200, 200])
  expect([named.exitCode, named.stderr]).toEqual([1, expect.stringContaining(`the manifest is part of ${index.manifest.digest}`)])
  expect([unknown.exitCode, unknown.stderr]).toEqual([1, expect.stringContaining('The repository has no such tag or manifest.')])
  expect(forced).toMatchObject({ exitCode: 0, stderr: '' })
  expect(await status('team/app', children[0]?.manifest.digest ?? '')).toBe(404)
})

describeWith({ programs: [PEER_PROGRAM] }, 'while no server runs,', () => {
  test('each kind of deletion is done, and registry:2 agrees; but not on a storage that is to stay as it is', async () => {
    const readOnly = { REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true' }
    await berth.stop()

    const refused = await shell('delete team/app:v1 --yes', readOnly)
    for (const words of ['team/app:v1', `team/app@${index.manifest.digest}`, 'old/app', "--repositories 'scratch/**'"])
      expect(await shell(`delete ${words} --yes`)).toMatchObject({ exitCode: 0, stderr: '' })

    expect([refused.exitCode, refused.stderr]).toEqual([
      1,
      expect.stringContaining('storage.maintenance.readonly.enabled is true'),
    ])
    await using peer = await startPeer({ folder, dataDirectory: folder.join('data') })
    client = new RegistryClient(peer.url)
    const gone = {
      'team/app': ['v1', 'multi', index.manifest.digest],
      'old/app': ['pr-1', three.manifest.digest],
      'scratch/a': ['pr-1'],
    }
    const there = { 'team/app': ['latest', 'nightly-1'], 'ci/web': ['pr-1', 'main'], 'ci/tools/lint': ['pr-1'] }
    const childDigests = children.map(({ manifest }) => manifest.digest)
    expect(new Set(await statuses(gone))).toEqual(new Set([404]))
    expect(new Set(await statuses({ ...there, 'team/app': [...there['team/app'], ...childDigests] }))).toEqual(new Set([200]))
  })
})

async function statuses(references: Readonly<Record<string, readonly string[]>>): Promise<readonly number[]> {
  const found: number[] = []
  for (const [repository, each] of Object.entries(references))
    for (const reference of each) found.push(await status(repository, reference))
  return found
}
