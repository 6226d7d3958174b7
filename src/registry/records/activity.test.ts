import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { makeImage } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { loseDatabase } from '../../../test/support/test-root.ts'
import { MOST_ACTIVITY } from '../../metadata/shown/activity.ts'

setDefaultTimeout(120_000)

const signal = new AbortController().signal
const image = makeImage('image')

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

/** What the process does that has the duty. */
async function flush(): Promise<void> {
  const { history } = berth.registry
  await history.restoreActivity(signal)
  await history.flush(signal)
}

async function activity(limit = 100) {
  const { entries } = await berth.registry.shown.activities.page({ before: undefined, limit, isShown: undefined })
  return entries.map(({ id: _, ...move }) => move)
}

async function startWithoutDatabase(): Promise<void> {
  await berth.stop()
  loseDatabase(folder.join('data'))
  berth = await BerthInProcess.start(folder.join('data'))
}

test('the newest moves are the same after the database is lost, and new ones come before them', async () => {
  for (const tag of ['v1', 'v2', 'v3']) await pushImage(berth.client, image, tag, 'team/app')
  await expectStatus(await berth.client.deleteManifest('team/app', 'v2'), 202)
  await flush()
  const before = await activity()
  expect(before.map(({ tag, digest }) => [String(tag), digest === null])).toEqual([
    ['v2', true],
    ['v3', false],
    ['v2', false],
    ['v1', false],
  ])

  await startWithoutDatabase()
  await flush()
  expect(await activity()).toEqual(before)
  await pushImage(berth.client, image, 'v4', 'team/app')
  await flush()

  expect(await activity()).toMatchObject([{ tag: 'v4' }, ...before])
})

test('a reading that was cut begins anew', async () => {
  for (const tag of ['v1', 'v2']) await pushImage(berth.client, image, tag, 'team/app')
  await flush()
  const before = await activity()
  await berth.opened.metadata.write((query) => query.run("DELETE FROM property WHERE name = 'activity-restored'"))

  await flush()

  expect(await activity()).toEqual(before)
})

test('no more than the newest are kept', async () => {
  await pushImage(berth.client, image, 'v1', 'team/app')
  await flush()
  await berth.opened.metadata.write((query) =>
    query.run(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO activity (repository, tag, at_ms, how) SELECT 'team/app', 'old', 0, '' FROM n`,
      MOST_ACTIVITY,
    ),
  )

  await pushImage(berth.client, image, 'v2', 'team/app')
  await flush()

  const kept = await berth.opened.metadata.read.get<{ count: number }>('SELECT count(*) AS count FROM activity')
  expect(kept?.count).toBe(MOST_ACTIVITY)
  expect(await activity(1)).toMatchObject([{ tag: 'v2' }])
})
