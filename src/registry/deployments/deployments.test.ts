import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { loseDatabase } from '../../../test/support/test-root.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/name.ts'
import { parseTag } from '../../oci/reference.ts'
import { MOST_HOSTS, type ReportedContainer } from './deployments.ts'

setDefaultTimeout(120_000)

const APP = parseRepositoryName('ci/app')
const [OLD, NEW] = ['a', 'b'].map((letter) => parseDigest(`sha256:${letter.repeat(64)}`)) as [
  ReturnType<typeof parseDigest>,
  ReturnType<typeof parseDigest>,
]
const web: ReportedContainer = {
  ...{ container: 'web', repository: APP, tag: parseTag('v1'), digest: OLD, state: 'running', sinceMs: 1_000 },
  ...{ wanted: NEW, problem: 'it did not become healthy' },
}
const worker: ReportedContainer = {
  container: 'worker',
  repository: parseRepositoryName('ci/worker'),
  digest: NEW,
  state: 'exited',
}
const FIRST = { host: '', container: '' }

let folder: TemporaryFolder
let berth: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
})
afterEach(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function startAnew({ losesDatabase }: { readonly losesDatabase: boolean }): Promise<void> {
  await berth.stop()
  if (losesDatabase) loseDatabase(folder.join('data'))
  berth = await BerthInProcess.start(folder.join('data'))
}

const report = (host: string, containers: readonly ReportedContainer[], reportedBy = 'agent') =>
  berth.registry.deployments.report({ host, reportedBy, containers })
const hosts = async () => (await berth.registry.deployments.hosts('', 100)).map(({ host, reportedBy }) => [host, reportedBy])
const list = async (after = FIRST, limit = 100) => await berth.registry.deployments.list(after, { limit })
const names = async () => (await list()).map(({ host, container }) => `${host}/${container}`)
const recordOf = (host: string) => folder.join('data/berth/v1/deployments', host)

test('a report takes the place of the one before, and the last one of a host with no container leaves the host', async () => {
  await report('web-1', [worker, web])
  await report('web-2', [web])
  const both = await list()
  const ofApp = await berth.registry.deployments.list(FIRST, { limit: 100, repository: APP })
  const pages = [await list(FIRST, 2), await list({ host: 'web-1', container: 'worker' }, 2)].map((page) => page.length)
  await report('web-1', [])

  expect(both.slice(0, 2)).toEqual([
    {
      ...{ host: 'web-1', container: 'web', repository: APP, tag: parseTag('v1'), digest: OLD, state: 'running', sinceMs: 1_000 },
      ...{ wanted: NEW, problem: 'it did not become healthy' },
    },
    {
      ...{ host: 'web-1', container: 'worker', repository: worker.repository, tag: null, digest: NEW, state: 'exited' },
      ...{ sinceMs: null, wanted: null, problem: null },
    },
  ])
  expect(ofApp.map(({ host, container }) => `${host}/${container}`)).toEqual(['web-1/web', 'web-2/web'])
  expect(pages).toEqual([2, 1])
  expect(await names()).toEqual(['web-2/web'])
  expect(await hosts()).toEqual([
    ['web-1', 'agent'],
    ['web-2', 'agent'],
  ])
})

test('another account may not report of a host until an operator has forgotten it', async () => {
  await report('web-1', [web])
  const record = readFileSync(recordOf('web-1'), 'utf8')

  await expect(report('web-1', [], 'other')).rejects.toThrow('Another account reports of web-1')
  expect(readFileSync(recordOf('web-1'), 'utf8')).toBe(record)
  const kept = await names()
  const forgotten = [await berth.registry.deployments.forget('web-1'), await berth.registry.deployments.forget('web-1')]
  await report('web-1', [worker], 'other')

  expect([kept, forgotten]).toEqual([['web-1/web'], [true, false]])
  expect(await hosts()).toEqual([['web-1', 'other']])
})

test('what runs survives the loss of the database, and with it who may report; a host that was forgotten stays so', async () => {
  for (const host of ['web-1', 'web-2', 'web-3']) await report(host, [web, worker])
  await report('web-2', [worker])
  await berth.registry.deployments.forget('web-3')
  const before = await list()

  await startAnew({ losesDatabase: true })

  expect(await list()).toEqual(before)
  expect(await hosts()).toEqual([
    ['web-1', 'agent'],
    ['web-2', 'agent'],
  ])
  await expect(report('web-1', [], 'other')).rejects.toThrow('Another account')
})

test('a report that says nothing new writes no file, and one whose file has gone writes it again', async () => {
  await report('web-1', [web, worker])
  const first = readFileSync(recordOf('web-1'), 'utf8')
  await report('web-1', [worker, web])
  const same = readFileSync(recordOf('web-1'), 'utf8')
  rmSync(recordOf('web-1'))

  await report('web-1', [web, worker])

  expect(same).toBe(first)
  expect(JSON.parse(first).containers).toHaveLength(2)
  expect(existsSync(recordOf('web-1'))).toBe(true)
})

test('from the next epoch on a row of which the storage has no record is gone, and a newer row than its record stays', async () => {
  await report('web-1', [web])
  await report('web-2', [web])
  const old = readFileSync(recordOf('web-2'))
  await Bun.sleep(2)
  await report('web-2', [worker])
  writeFileSync(recordOf('web-2'), old)
  rmSync(recordOf('web-1'))

  await startAnew({ losesDatabase: false })

  expect(await names()).toEqual(['web-2/worker'])
})

test.each(['', '{', '[]', '{"host":"web-1"}', '{"host":"web-1","at":"2026-11-29T00:00:00Z","containers":[{}]}'])(
  'of a record that is none (%p) it is known that there is a host, until it reports anew',
  async (text) => {
    await report('web-1', [web])
    writeFileSync(recordOf('web-1'), text)
    await startAnew({ losesDatabase: true })
    const [unread] = await berth.registry.deployments.hosts('', 100)

    await report('web-1', [web])

    expect(unread).toEqual({ host: 'web-1', seenMs: 0, reportedBy: null })
    expect(await names()).toEqual(['web-1/web'])
    expect(JSON.parse(readFileSync(recordOf('web-1'), 'utf8')).containers).toHaveLength(1)
  },
)

test('a name that is none is refused, and so are more containers than a host may have', async () => {
  for (const host of ['', '..', '../web', 'web/1', '-web', 'w'.repeat(129)])
    await expect(report(host, [])).rejects.toThrow('is no name of a host')
  const many = Array.from({ length: 2_001 }, (_, number) => ({ ...web, container: `web-${number}` }))

  await expect(report('web-1', many)).rejects.toThrow('more than 2000 containers')
  await report('web-1', many.slice(1))

  expect(await list(FIRST, 5_000)).toHaveLength(2_000)
})

test('there are no more hosts than so many, and those that are there report on', async () => {
  await report('web-1', [web])
  await berth.opened.metadata.write((query) =>
    query.run(
      "INSERT INTO deployment_host (host, seen_ms, reported_by) SELECT 'other-' || value, 1, 'agent' FROM json_each(?)",
      JSON.stringify(Array.from({ length: MOST_HOSTS - 1 }, (_, number) => number)),
    ),
  )

  await expect(report('web-2', [web])).rejects.toThrow('There are 10000 hosts already')
  await report('web-1', [worker])
  await berth.registry.deployments.forget('other-7')
  await report('web-2', [web])

  expect(await names()).toEqual(['web-1/worker', 'web-2/web'])
})
