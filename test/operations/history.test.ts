import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pushImage } from '../collect/rows/row.ts'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { type Image, makeImage } from '../support/images.ts'
import { commandsIn, operationsPage } from '../support/page-commands.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { environmentIn, type Outcome, poll, run } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { loseDatabase } from '../support/test-root.ts'

setDefaultTimeout(120_000)

const COMMANDS = commandsIn(operationsPage('history.md'))
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z {2}/
const [one, two, three] = ['one', 'two', 'three'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image, Image]

let folder: TemporaryFolder
let berth: BerthProcess
let client: RegistryClient

beforeEach(async () => {
  folder = new TemporaryFolder()
  await start()
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function start(): Promise<void> {
  berth = await startBerth({ folder })
  client = new RegistryClient(berth.url)
}

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

/** The lines without their times. */
async function history(name = 'team/app:v1'): Promise<readonly string[]> {
  const lines = (await done(`tag history ${name}`)).trimEnd().split('\n')
  expect(lines.every((line) => TIME.test(line))).toBe(true)
  return lines.map((line) => line.replace(TIME, ''))
}

const pushes = async (image: Image) => await pushImage(client, image, 'v1', 'team/app')
const deletes = async (reference: string) => await expectStatus(await client.deleteManifest('team/app', reference), 202)
const digestOf = async (reference = 'v1') => {
  const response = await client.getManifest('team/app', reference)
  return response.headers.get('docker-content-digest') ?? response.status
}

function startWithoutDatabase(): void {
  loseDatabase(folder.join('data'))
}

test('the commands of docs/operations/history.md show the moves of a tag, and take it back', async () => {
  for (const image of [one, two]) await pushes(image)
  const outputs: string[] = []

  for (const words of COMMANDS) {
    outputs.push(await done(words, { digest: two.manifest.digest }))
    if (words.includes('--back')) expect(await digestOf()).toBe(one.manifest.digest)
  }

  expect(COMMANDS).toHaveLength(3)
  const [moves = '', ...restores] = outputs
  expect(
    moves
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(TIME, '')),
  ).toEqual([`${two.manifest.digest}  there  (manifest push)`, `${one.manifest.digest}  there  (manifest push)`])
  expect(restores).toEqual([one, two].map(({ manifest }) => `team/app:v1 points to ${manifest.digest}\n`))
  expect(await digestOf()).toBe(two.manifest.digest)
  expect((await history()).slice(0, 2)).toEqual([
    `${two.manifest.digest}  there  (tag restore by berth tag restore)`,
    `${one.manifest.digest}  there  (tag restore by berth tag restore)`,
  ])
})

test('a deleted tag has its history, and comes back to where it pointed; what became of the images is said', async () => {
  for (const image of [one, two]) await pushes(image)
  await deletes(one.manifest.digest)
  await deletes('v1')

  expect(await history()).toEqual([
    'deleted  (tag delete)',
    `${two.manifest.digest}  there  (manifest push)`,
    expect.stringMatching(
      new RegExp(`^${one.manifest.digest} {2}until \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\dZ {2}\\(manifest push\\)$`),
    ),
  ])
  expect(await digestOf()).toBe(404)
  expect(await done('tag restore team/app:v1 --back 1')).toBe(`team/app:v1 points to ${two.manifest.digest}\n`)
  expect(await digestOf()).toBe(two.manifest.digest)
})

test('what is unknown, what has gone and what is no tag is refused in a sentence', async () => {
  await pushes(one)
  await pushes(two)
  const layer = one.layers[0]?.digest
  await deletes(one.manifest.digest)
  await expectStatus(await client.request('DELETE', `/v2/team/app/blobs/${layer}`), 202)
  const refusals: Readonly<Record<string, string>> = {
    'restore team/app:v1 --back 2': 'It is not known where team/app:v1 pointed 2 moves ago; berth tag history says what is.',
    'restore team/app:v1 --back 0': '--back takes a number of moves, 1 or more.',
    'restore team/app:v1': 'write either a digest or --back <moves>.',
    [`restore team/app:v1 ${one.manifest.digest} --back 1`]: 'write either a digest or --back <moves>.',
    [`restore team/app:v1 ${one.manifest.digest}`]: `${layer}; berth undelete brings back what was deleted within the grace`,
    [`restore team/app:v1 ${three.manifest.digest}`]: `team/app@${three.manifest.digest} has gone, or a part of it`,
    'restore team/app:v1 v2': '"v2" is no digest; write sha256:<64 hex digits>, or --back <moves>.',
    'history team/app': '"team/app" names no tag; write <repository>:<tag>.',
    "history 'team/app:a b'": 'a b',
  }

  for (const [words, reason] of Object.entries(refusals)) {
    const { exitCode, stderr } = await shell(`tag ${words}`)
    expect([words, exitCode, stderr]).toEqual([words, 1, expect.stringContaining(reason)])
    expect(stderr).toMatch(/failed to (restore the tag|read the history): /)
  }
  const readOnly = { REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true' }
  const whileReadOnly = await shell(`tag restore team/app:v1 ${two.manifest.digest}`, readOnly)

  expect(whileReadOnly).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('readonly.enabled is true') })
  expect(await done('tag history never/pushed:v1')).toBe('Nothing is known of this tag.\n')
  expect(await digestOf()).toBe(two.manifest.digest)
})

test('moves reach the storage by themselves while the server runs, and the history survives the database', async () => {
  await pushes(one)
  await pushes(two)
  await deletes('v1')
  const before = await history()
  await untilWritten(3)
  await berth.stop()
  startWithoutDatabase()

  expect(await history()).toEqual(before)
  await start()
  expect(await history()).toEqual(before)
})

/** Until the storage has so many moves. */
async function untilWritten(moves: number): Promise<void> {
  const root = folder.join('data/berth/v1/history')
  const written = () => {
    const files = existsSync(root) ? readdirSync(root, { recursive: true, withFileTypes: true }) : []
    const texts = files.flatMap((file) => (file.isFile() ? [readFileSync(join(file.parentPath, file.name), 'utf8')] : []))
    return texts.join('').split('\n').length - 1 === moves ? true : undefined
  }
  await poll(`${moves} moves in the storage`, 60_000, async () => written())
}

describeWith({ programs: [PEER_PROGRAM] }, 'what registry:2 pushed to a tag', () => {
  test('is in the history by its time, between what Berth did', async () => {
    await pushes(one)
    await berth.stop()
    const peer = await startPeer({ folder, dataDirectory: folder.join('data') })
    await pushImage(new RegistryClient(peer.url), two, 'v1', 'team/app')
    await peer[Symbol.asyncDispose]()
    await start()
    await pushes(three)

    expect(await history()).toEqual([
      `${three.manifest.digest}  there  (manifest push)`,
      `${two.manifest.digest}  there  (not recorded)`,
      `${one.manifest.digest}  there  (manifest push)`,
    ])
    expect(await done('tag restore team/app:v1 --back 1')).toBe(`team/app:v1 points to ${two.manifest.digest}\n`)
  })
})
