import { expect, test } from 'bun:test'
import { pushImage } from '../../../test/collect/rows/row.ts'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { collect, collectAll, forgetGone, TEST_POLICY } from '../../../test/support/collecting.ts'
import { Gate } from '../../../test/support/gate.ts'
import { makeImage } from '../../../test/support/images.ts'
import { LongestTurn } from '../../../test/support/longest-turn.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import type { Metadata } from '../../metadata/query.ts'
import { listPending } from '../../metadata/search/entries.ts'
import { SearchIndex } from './search-index.ts'

test('a catch-up sees what changed before its call, also while an older one is under way', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'))
  const { metadata } = berth.opened
  const gate = new Gate()
  const held: Metadata = {
    read: metadata.read,
    revision: () => metadata.revision(),
    write: async (operation) => {
      await gate.pass()
      return await metadata.write(operation)
    },
  }
  const index = new SearchIndex(held)
  const { signal } = new AbortController()
  await pushImage(berth.client, makeImage('one'), 'v1', 'one')
  const older = index.catchUp(signal)
  await gate.reached()
  await pushImage(berth.client, makeImage('two'), 'v1', 'two')

  const newer = index.catchUp(signal)
  gate.open()

  expect(await Promise.all([older, newer])).toEqual([true, true])
  expect(await listPending(metadata.read, 10)).toEqual([])
})

test('a catch-up on many repositories lets others have their turn, and writes no more at once than is quick', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'))
  const { metadata } = berth.opened
  await metadata.write((query) =>
    query.run(`WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 200)
      INSERT INTO repository (id, name) SELECT n, 'ci/app-' || n FROM i`),
  )
  const turns = new LongestTurn({ questionMs: 0.3 })

  const { longestMs } = await turns.during(async () => {
    await new SearchIndex(turns.metadata(metadata)).catchUp(new AbortController().signal)
  })

  expect(await metadata.read.all('SELECT 1 FROM search_entry')).toHaveLength(200)
  // Twenty-five are begun with: to look at them takes 22 ms of this clock, to write them 15.
  expect(longestMs).toBeLessThan(20)
  expect(Math.max(...turns.transactionsMs.slice(3))).toBeLessThan(6)
})

test('a catch-up that is to end leaves the rest for the next one', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'))
  const index = new SearchIndex(berth.opened.metadata)
  await pushImage(berth.client, makeImage('one'), 'v1', 'one')

  expect(await index.catchUp(AbortSignal.abort())).toBe(false)
  expect(await index.catchUp(new AbortController().signal)).toBe(true)
})

test('a repository that has lost its row is in no index any more', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'), { collector: TEST_POLICY })
  await berth.scan()
  const { read } = berth.opened.metadata
  const index = new SearchIndex(berth.opened.metadata)
  const { signal } = new AbortController()
  const image = makeImage('one')
  await pushImage(berth.client, image, 'v1', 'left')
  await pushImage(berth.client, makeImage('two'), 'v1', 'other')
  await index.catchUp(signal)
  const found = () => read.all("SELECT rowid FROM search_words WHERE search_words MATCH 'lef'")
  expect(await found()).toHaveLength(1)

  await berth.client.deleteManifest('left', image.manifest.digest)
  await collectAll(berth)
  await forgetGone(berth)
  await collect(berth)
  await index.catchUp(signal)

  expect(await read.all("SELECT id FROM repository WHERE name = 'left'")).toEqual([])
  expect(await found()).toEqual([])
  expect(await read.all('SELECT name FROM search_entry')).toEqual([{ name: 'other' }])
})
