import { afterEach, beforeEach, expect, setDefaultTimeout, setSystemTime, test } from 'bun:test'
import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess, type InProcessOptions } from '../../../test/support/berth-in-process.ts'
import { makeImage } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { loseDatabase } from '../../../test/support/test-root.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseReference } from '../../oci/reference.ts'
import { KEPT_DAYS, pullShardOf } from './pull-records.ts'

setDefaultTimeout(120_000)

const DAY_MS = 24 * 60 * 60 * 1000
const [APP, OTHER] = ['team/app', 'other'].map(parseRepositoryName) as [ReturnType<typeof parseRepositoryName>, never]
const image = makeImage('image')
const signal = new AbortController().signal

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
  for (const name of [APP, OTHER]) await pushImage(berth.client, image, 'v1', name)
})
afterEach(async () => {
  setSystemTime()
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function pull(name: string, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) await expectStatus(await berth.client.getManifest(name, 'v1'), 200)
  await berth.registry.retention.pulls.write()
}

async function record(): Promise<void> {
  await berth.registry.pullRecords.run(signal)
}

async function startWithoutDatabase(options: InProcessOptions = {}): Promise<void> {
  await berth.stop()
  loseDatabase(folder.join('data'))
  berth = await BerthInProcess.start(folder.join('data'), options)
  await berth.scan()
}

async function countOf(name: typeof APP): Promise<number> {
  return (await berth.registry.shown.pulls.of(name, parseReference('v1'))).days30
}

async function totalOf(name: typeof APP): Promise<number> {
  return (await berth.registry.shown.repositories.of(name, undefined, signal)).pulls.total
}

function files(): readonly string[] {
  return readdirSync(folder.join('data/berth/v1/pulls')).map((name) => folder.join(`data/berth/v1/pulls/${name}`))
}

function fileOf(name: typeof APP): string {
  return folder.join(`data/berth/v1/pulls/${pullShardOf(name).toString(16).padStart(2, '0')}`)
}

test('what was recorded is counted again after the database is lost, and new pulls are added to it', async () => {
  await pull(APP, 3)
  await pull(OTHER, 1)
  await record()
  await pull(APP, 1)

  await startWithoutDatabase()
  expect(await countOf(APP)).toBe(0)
  await pull(APP, 2)

  expect([await countOf(APP), await countOf(OTHER)]).toEqual([5, 1])
  expect([await totalOf(APP), await totalOf(OTHER)]).toEqual([5, 1])
})

test('records are read once for a database, also by two processes', async () => {
  await pull(APP, 3)
  await record()
  await startWithoutDatabase()
  await using second = await BerthInProcess.start(folder.join('data'))

  await pull(APP, 1)
  await expectStatus(await second.client.getManifest(APP, 'v1'), 200)
  await second.registry.retention.pulls.write()
  const today = Math.floor(Date.now() / DAY_MS)
  appendFileSync(fileOf(APP), `{"repository":"team/app","reference":"other","days":[[${today},9,1]]}\n`)
  await pull(APP, 1)

  expect(await countOf(APP)).toBe(6)
  expect((await berth.registry.shown.pulls.of(APP, parseReference('other'))).days30).toBe(0)
})

test('only what has changed is written', async () => {
  await pull(APP, 1)
  await pull(OTHER, 1)
  await record()
  const before = files().map((file) => statSync(file).ino)
  expect(before).toHaveLength(2)

  await record()
  expect(files().map((file) => statSync(file).ino)).toEqual(before)
  await pull(OTHER, 1)
  await record()

  expect(readFileSync(fileOf(OTHER), 'utf8')).toContain(',2,')
  expect(readFileSync(fileOf(APP), 'utf8')).not.toContain(',2,')
})

test('lines that are none are passed over, and so is a record that is too large to be one', async () => {
  await pull(APP, 2)
  await pull(OTHER, 2)
  await record()
  const lines = ['', '{', '[]', '{"repository":"Team"}', '{"repository":"team/app","reference":"-","days":[[1,2,3]]}']
  const others = ['{"repository":"team/app","reference":"v1","days":[[1,-2,3],["a"],[1]]}', '{"repository":"foreign","total":9}']
  appendFileSync(fileOf(APP), `${[...lines, ...others].join('\n')}\nend`)
  truncateSync(fileOf(OTHER), 64 * 1024 * 1024)

  await startWithoutDatabase()
  await pull(APP, 1)

  expect([await countOf(APP), await countOf(OTHER)]).toEqual([3, 0])
  expect(berth.log.lines.map(({ message }) => message)).toContain('a record of pulls is too large to be one, and is passed over')
})

test('a storage that does not answer leaves them to be read, and pulls are counted once it does', async () => {
  await pull(APP, 2)
  await record()
  let isBroken = true
  const hook = (call: string) =>
    isBroken && call.startsWith('read ') && call.includes('/pulls/') ? Promise.reject(new Error('EIO')) : undefined

  await startWithoutDatabase({ hook })
  await expect(pull(APP, 1)).rejects.toThrow('EIO')
  isBroken = false
  await pull(APP, 1)

  expect(await countOf(APP)).toBe(4)
})

test('days that are over go, those of tags and manifests sooner', async () => {
  const now = Date.now()
  for (const daysAgo of [KEPT_DAYS.repository + 1, KEPT_DAYS.content + 1, 0]) {
    setSystemTime(new Date(now - daysAgo * DAY_MS))
    await pull(APP, 1)
  }
  await record()

  const rows = await berth.opened.metadata.read.all<{ reference: string; count: number }>(
    "SELECT CASE WHEN reference LIKE 'sha256:%' THEN 'digest' ELSE reference END AS reference, sum(count) AS count FROM pull_day GROUP BY 1 ORDER BY 1",
  )
  expect(rows).toEqual([
    { reference: '', count: 2 },
    { reference: 'digest', count: 1 },
    { reference: 'v1', count: 1 },
  ])
})

test('the counts of a repository go with it', async () => {
  await pull(APP, 2)
  await pull(OTHER, 1)
  await record()
  await berth.opened.metadata.write((query) => query.run('DELETE FROM repository WHERE name = ?', APP))

  await record()

  expect(readFileSync(fileOf(APP), 'utf8')).not.toContain('team/app')
  expect(await berth.opened.metadata.read.all('SELECT DISTINCT repository FROM pull_day')).toEqual([{ repository: 'other' }])
  expect(await berth.opened.metadata.read.all('SELECT name FROM pull_repository')).toEqual([{ name: 'other' }])
})
