import { expect, test } from 'bun:test'
import { BerthInProcess } from '../../test/support/berth-in-process.ts'
import { LongestTurn } from '../../test/support/longest-turn.ts'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { nextNumber } from '../metadata/query.ts'
import { Tombstones } from './tombstones.ts'

const GONE = 300
const { signal } = new AbortController()

test('tombstones go at the run after the next, in transactions as short as the database allows', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'))
  const { metadata, epoch } = berth.opened
  await metadata.write(async (query) => {
    await query.run("INSERT INTO repository (id, name, scanned_epoch) VALUES (1, 'app', ?)", epoch)
    await query.run(
      `WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < ${GONE})
       INSERT INTO link (repository_id, digest, target, number, epoch) SELECT 1, 'l' || n, NULL, ?, ? FROM i`,
      ...[await nextNumber(query), epoch],
    )
  })
  const turns = new LongestTurn({ rowMs: 1 })
  const tombstones = new Tombstones(turns.metadata(metadata), epoch)
  const left = async () => (await metadata.read.all('SELECT 1 FROM link WHERE target IS NULL')).length

  await turns.during(() => tombstones.purge(signal))
  expect(await left()).toBe(GONE)
  await turns.during(() => tombstones.purge(signal))

  expect(await left()).toBe(0)
  // Fifty rows would take 54 ms of this clock. Twelve are begun with.
  expect(Math.max(...turns.transactionsMs)).toBeLessThan(20)
  expect(Math.max(...turns.transactionsMs.slice(3))).toBeLessThan(6)
})
