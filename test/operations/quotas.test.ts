import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { pushImage } from '../collect/rows/row.ts'
import { type BerthProcess, startBerth } from '../support/berth-process.ts'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { commandsIn, operationsPage } from '../support/page-commands.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { environmentIn, type Outcome, run } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const DOCUMENT = operationsPage('quotas.md')
const COMMANDS = commandsIn(DOCUMENT)
const CONFIG = /^```yaml\n(quotas:\n[\s\S]*?)^```$/m.exec(DOCUMENT)?.[1] ?? ''
const DEBUG = '  debug: {addr: "127.0.0.1:0", prometheus: {enabled: true}}\n'

const [one, two] = [makeImage('one', { layers: 2 }), makeImage('two', { layers: 1 })]
const bytesOf = (image: typeof one) => [image.manifest, ...blobsOf(image)].reduce((sum, { bytes }) => sum + bytes.length, 0)

let folder: TemporaryFolder
let berth: BerthProcess
let client: RegistryClient

beforeEach(async () => {
  folder = new TemporaryFolder()
  berth = await startBerth({ folder, moreConfig: DEBUG + CONFIG })
  await berth.program.waitForOutput(/is counted for the quotas/, 60_000)
  client = new RegistryClient(berth.url)
  await pushImage(client, one, 'v1', 'team/app')
  await pushImage(client, one, 'v1', 'team/copy')
  await pushImage(client, two, 'v1', 'alice/app')
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** As a shell runs the line of the document, without the words for a container. */
async function shell(words: string, config = berth.config): Promise<Outcome> {
  const environment = { ...environmentIn(folder.path), BERTH: BERTH_PROGRAM, CONFIG: config }
  return await run(['sh', '-c', `"$BERTH" ${words} "$CONFIG"`], { environment })
}

function expectRows({ exitCode, stdout, stderr }: Outcome): void {
  expect([exitCode, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^quota +used +limit +warn +left$/m)
  expect(stdout).toMatch(/^team +\d\.\d kB +10 GB +8 GB +10 GB$/m)
  expect(stdout).toMatch(/^own\/alice +[\d.]+ (kB|bytes) +5 GB +- +5 GB$/m)
}

test('the commands of docs/operations/quotas.md print what the quotas hold, each blob counted once, and metrics say the same', async () => {
  const [plain, json, check] = await Promise.all(COMMANDS.map((words) => shell(words)))
  const metrics = await (await fetch(`${await berth.debugUrl()}/metrics`)).text()

  expect(COMMANDS).toHaveLength(3)
  expectRows(plain as Outcome)
  expect(
    (json?.stdout ?? '')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { name: 'team', usedBytes: bytesOf(one), limitBytes: 10_000_000_000, warnBytes: 8_000_000_000, isCounted: true },
    { name: 'own/alice', usedBytes: bytesOf(two), limitBytes: 5_000_000_000, isCounted: true },
  ])
  expectRows(check as Outcome)
  expect(check?.stdout).toEndWith('Each of them was counted anew, with the same result.\n')
  expect(metrics).toContain(`berth_quota_bytes{quota="team"} ${bytesOf(one)}\n`)
  expect(metrics).toContain(`berth_quota_bytes{quota="own/alice"} ${bytesOf(two)}\n`)
  expect(metrics).toContain('berth_quota_limit_bytes{quota="team"} 10000000000\n')
  expect(metrics).toContain('berth_quota_warn_bytes{quota="team"} 8000000000\n')
  expect(metrics).not.toContain('berth_quota_warn_bytes{quota="own/alice"}')
})

test('a configuration without quotas, and one with others than the server has, are refused with a sentence', async () => {
  const without = await folder.file(
    'without.yml',
    `version: 0.1\nstorage: {filesystem: {rootdirectory: ${folder.join('data')}}}\n`,
  )
  const text = readFileSync(berth.config, 'utf8')
  const others = await folder.file('others.yml', text.replace('team/**', 'crew/**'))

  const [none, other] = [await shell('quota', without), await shell('quota', others)]

  expect([none.exitCode, none.stderr]).toEqual([1, expect.stringContaining('The configuration has no section quotas')])
  expect([other.exitCode, other.stderr]).toEqual([1, expect.stringContaining('The server counts by other quotas')])
})

describeWith({ programs: [PEER_PROGRAM] }, 'while no server runs,', () => {
  test('what registry:2 pushed meanwhile is counted, also where the database was lost', async () => {
    await berth.stop()
    await using peer = await startPeer({ folder, dataDirectory: folder.join('data') })
    await pushImage(new RegistryClient(peer.url), two, 'v1', 'team/new')
    await peer.stop()

    const counted = await shell('quota --json --check')
    await run(['rm', folder.join('data/berth/metadata.db')], { environment: {} })
    const again = await shell('quota --json --check')

    const team = { name: 'team', usedBytes: bytesOf(one) + bytesOf(two), recountedBytes: bytesOf(one) + bytesOf(two) }
    for (const { exitCode, stdout, stderr } of [counted, again]) {
      expect([exitCode, stderr]).toEqual([0, ''])
      expect(JSON.parse(stdout.split('\n')[0] ?? '')).toMatchObject(team)
    }
  })
})
