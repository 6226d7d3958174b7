import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { pushImage } from '../collect/rows/row.ts'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { blobsOf, type Image, makeImage, makeImageIndex } from '../support/images.ts'
import { commandsIn, operationsPage } from '../support/page-commands.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { environmentIn, type Outcome, run } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { metadataPath } from '../support/test-root.ts'

setDefaultTimeout(120_000)

const COMMANDS = commandsIn(operationsPage('undelete.md'))
const LINE = /^[0-9a-f-]{36} {2}\d{4}-\d\d-\d\dT\d\d:\d\dZ {2}(tag {5}|manifest) {2}/
const [one, two, three] = ['one', 'two', 'three'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image, Image]
const children = [makeImage('app', { layers: 1 }), makeImage('app', { layers: 1, architecture: 'arm64' })]
const index = makeImageIndex(children)

let folder: TemporaryFolder
let berth: BerthProcess
let client: RegistryClient

beforeEach(async () => {
  folder = new TemporaryFolder()
  berth = await startBerth({ folder })
  client = new RegistryClient(berth.url)
  for (const tag of ['v1', 'latest']) await pushImage(client, one, tag, 'team/app')
  for (const tag of ['v2', 'nightly']) await pushImage(client, two, tag, 'team/app')
  await pushImage(client, three, 'pr-1', 'ci/web')
  for (const child of children) await pushImage(client, child, child.manifest.digest, 'old/app')
  await expectStatus(await client.putManifest('old/app', 'multi', index.manifest), 201)
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

async function done(words: string, variables: Readonly<Record<string, string>> = {}): Promise<string> {
  const outcome = await shell(words, variables)
  expect(outcome).toMatchObject({ exitCode: 0, stderr: '' })
  return outcome.stdout
}

const deletes = async (repository: string, reference: string) =>
  await expectStatus(await client.deleteManifest(repository, reference), 202)
const digestOf = async (repository: string, reference: string) => {
  const response = await client.getManifest(repository, reference)
  return response.headers.get('docker-content-digest') ?? response.status
}

async function expectWhole(repository: string, tags: Readonly<Record<string, Image>>): Promise<void> {
  for (const [tag, image] of Object.entries(tags)) {
    expect([tag, await digestOf(repository, tag)]).toEqual([tag, image.manifest.digest])
    for (const { digest } of blobsOf(image)) await expectStatus(await client.getBlob(repository, digest), 200)
  }
}

async function expectOldAppWhole(): Promise<void> {
  expect(await digestOf('old/app', 'multi')).toBe(index.manifest.digest)
  await expectWhole('old/app', Object.fromEntries(children.map((child) => [child.manifest.digest, child])))
}

test('the commands of docs/operations/undelete.md list what was deleted, and bring it back', async () => {
  await deletes('ci/web', 'pr-1')
  const id = (await done('undelete')).slice(0, 36)
  await deletes('team/app', 'v1')
  await done(`delete team/app@${two.manifest.digest} --yes`)
  await done('delete old/app --yes')
  await pushImage(client, three, 'v2', 'team/app')
  const outputs: string[] = []

  for (const words of COMMANDS) {
    if (words.includes('--tag')) {
      await deletes('team/app', 'v2')
      await pushImage(client, one, 'v2', 'team/app')
    }
    outputs.push(await done(words, { digest: two.manifest.digest, id }))
  }

  expect(COMMANDS).toHaveLength(6)
  const [list = '', ...others] = outputs
  const lines = list.split('\n')
  expect(lines.slice(0, -3).every((line) => LINE.test(line))).toBe(true)
  expect(lines.slice(-3)).toEqual(['', '6 deletions, each until the time that its line says: berth undelete <id>', ''])
  expect(lines.filter((line) => line.includes('team/app'))).toEqual([
    expect.stringMatching(
      / {2}manifest {2}team\/app@sha256:[0-9a-f]+ {2}with nightly, v2 {2}\(manifest delete by berth delete\)$/,
    ),
    expect.stringContaining(`  tag       team/app:v1  ${one.manifest.digest}  (tag delete`),
  ])
  expect(others[0]).toBe(`back      team/app:v1  ${one.manifest.digest}\n`)
  expect(others[1]).toBe(`back      team/app:nightly  ${two.manifest.digest}\nstays     team/app:v2  ${three.manifest.digest}\n`)
  expect(others[2]).toBe(`back      ci/web:pr-1  ${three.manifest.digest}\n`)
  expect(others[3]).toContain(`back      old/app:multi  ${index.manifest.digest}\n`)
  expect(others[4]).toBe(`back      team/app:v2-old  ${three.manifest.digest}\n`)
  await expectWhole('team/app', { v1: one, nightly: two, v2: one, 'v2-old': three })
  await expectWhole('ci/web', { 'pr-1': three })
  await expectOldAppWhole()
})

test('what has gone, what was never deleted, and a tag that has moved are refused in a sentence', async () => {
  await deletes('team/app', one.manifest.digest)
  await expectStatus(await client.request('DELETE', `/v2/team/app/blobs/${one.layers[0]?.digest}`), 202)
  await deletes('team/app', 'v2')
  await pushImage(client, three, 'v2', 'team/app')
  const stays = folder.join('data/berth/v1/deleted', new Date().toISOString().slice(0, 10).replaceAll('-', ''), 'notes.txt')
  writeFileSync(stays, 'not ours')
  const readOnly = { REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true' }
  const refusals: Readonly<Record<string, string>> = {
    'team/app:v1': `content of it is not there any more: ${one.layers[0]?.digest}`,
    'team/app': 'cannot be brought back',
    'team/app:v2': `v2 points to ${three.manifest.digest} by now, and stays so; --tag brings it back under another tag.`,
    'team/app:never': 'No such deletion is known',
    '01972c6e-0000-7000-8000-000000000000': 'No such deletion is known',
    "'../app'": 'names no repository',
    "team/app:v2 --tag 'a b'": '"a b" can be no tag.',
    'team/app --tag v3': '--tag is for one image',
    'list --tag v3': '--tag needs the name',
  }

  for (const [words, reason] of Object.entries(refusals)) {
    const { exitCode, stderr } = await shell(`undelete ${words}`)
    expect([words, exitCode, stderr]).toEqual([words, 1, expect.stringContaining('failed to undelete: ')])
    expect(stderr).toContain(reason)
  }
  const whileReadOnly = await shell('undelete team/app:v2 --tag v3', readOnly)
  const list = await shell('undelete list')

  expect([whileReadOnly.exitCode, whileReadOnly.stderr]).toEqual([
    1,
    expect.stringContaining('storage.maintenance.readonly.enabled is true'),
  ])
  expect(list).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('notes.txt" is no record') })
  expect([await digestOf('team/app', 'v1'), await digestOf('team/app', 'v2')]).toEqual([404, three.manifest.digest])
})

describe('while no server runs,', () => {
  test('a deletion is undone after the database is lost', async () => {
    await deletes('team/app', one.manifest.digest)
    await done('delete old/app --yes')
    await berth.stop()
    const path = metadataPath(folder.join('data'))
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })

    await done('undelete team/app:latest')
    await done('undelete old/app')
    const left = await done('undelete')

    expect(left).toBe('There is nothing to bring back.\n')
    await using again = await startBerth({ folder })
    client = new RegistryClient(again.url)
    await expectWhole('team/app', { v1: one, latest: one, v2: two })
    await expectOldAppWhole()
  })

  describeWith({ programs: [PEER_PROGRAM] }, 'each kind is undone,', () => {
    test('and registry:2 serves all of it afterwards', async () => {
      await berth.stop()
      for (const words of ['team/app:v1', `team/app@${two.manifest.digest}`, 'old/app', "--repositories 'ci/**'"])
        await done(`delete ${words} --yes`)

      for (const words of ['team/app', 'old/app', 'ci/web']) await done(`undelete ${words}`)

      await using peer = await startPeer({ folder, dataDirectory: folder.join('data') })
      client = new RegistryClient(peer.url)
      await expectWhole('team/app', { v1: one, latest: one, v2: two, nightly: two })
      await expectWhole('ci/web', { 'pr-1': three })
      await expectOldAppWhole()
      const { tags } = (await (await client.request('GET', '/v2/team/app/tags/list')).json()) as { tags: string[] }
      expect(tags.sort()).toEqual(['latest', 'nightly', 'v1', 'v2'])
    })
  })
})
