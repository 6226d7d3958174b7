import { afterEach, beforeEach, expect, test } from 'bun:test'
import { manifestContent } from '../../test/support/metadata-contract.ts'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { setManifestGone, setManifestHeld } from './changes.ts'
import { putManifestContent } from './manifest-content.ts'
import { MANIFEST_TOMBSTONES, MOST_TOMBSTONES, purgeTombstones, TOMBSTONE_PURGES } from './scans.ts'
import { type OpenedMetadata, openMetadata } from './sqlite/open.ts'

const EPOCH = 1

let folder: TemporaryFolder
let opened: OpenedMetadata

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  const options = { path: folder.join('metadata.db'), runDirectory: folder.join('run'), storeId: async () => 'store' }
  opened = await openMetadata(options)
})
afterEach(async () => {
  await opened.metadata.close()
  opened.locks.release(opened.processId)
  folder[Symbol.dispose]()
})

async function tombstones(): Promise<number> {
  const counts = await opened.metadata.read.all<{ count: number }>(
    `SELECT count(*) AS count FROM link WHERE target IS NULL UNION ALL SELECT count(*) FROM tag WHERE digest IS NULL
     UNION ALL SELECT count(*) FROM manifest WHERE held = 0`,
  )
  return counts.reduce((sum, { count }) => sum + count, 0)
}

test('a purge of tombstones removes a bounded number in one transaction, of all kinds together, and says when there may be more', async () => {
  const { metadata } = opened
  const each = MOST_TOMBSTONES / 2 + 20
  await metadata.write(async (query) => {
    await query.run("INSERT INTO repository (id, name, scanned_epoch) VALUES (1, 'a', ?)", EPOCH)
    const series = 'WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < ?)'
    await query.run(
      `${series} INSERT INTO link (repository_id, digest, target, number, epoch) SELECT 1, 'l' || n, NULL, n, 1 FROM i`,
      each,
    )
    await query.run(
      `${series} INSERT INTO tag (repository_id, name, digest, held, number, epoch) SELECT 1, 't' || n, NULL, 0, n, 1 FROM i`,
      each,
    )
    await query.run(
      `${series} INSERT INTO manifest (repository_id, digest, held, subject, number, epoch) SELECT 1, 'm' || n, 0, NULL, n, 1 FROM i`,
      each,
    )
  })

  const left: number[] = []
  while (await metadata.write((query) => purgeTombstones(query, EPOCH, each))) left.push(await tombstones())

  expect(left).toEqual([3 * each - MOST_TOMBSTONES, 3 * each - 2 * MOST_TOMBSTONES])
  expect(await tombstones()).toBe(0)
})

test('the content of a manifest goes with the last repository that held it, a bounded number of bytes in one transaction', async () => {
  const { metadata } = opened
  const stamp = { number: 1, epoch: EPOCH }
  const annotations = { key: 'x'.repeat(900_000) }
  const contents = ['0', '1', '2', '3', '4'].map((word) => manifestContent(word, { annotations }))
  const [kept] = contents
  await metadata.write(async (query) => {
    await query.run("INSERT INTO repository (id, name, scanned_epoch) VALUES (1, 'a', ?), (2, 'b', ?)", EPOCH, EPOCH)
    for (const content of contents) {
      await putManifestContent(query, content)
      await setManifestGone(query, 1, content.digest, stamp)
    }
    if (kept !== undefined) await setManifestHeld(query, 2, kept.digest, null, stamp)
  })
  const count = async (table: string) =>
    (await metadata.read.get<{ count: number }>(`SELECT count(DISTINCT digest) AS count FROM ${table}`))?.count

  const left: (number | undefined)[] = []
  while (await metadata.write((query) => purgeTombstones(query, EPOCH, 1))) left.push(await count('annotation_piece'))

  expect(left.length).toBeGreaterThanOrEqual(1)
  expect(left[0]).toBeGreaterThanOrEqual(2)
  expect(await tombstones()).toBe(0)
  expect(await metadata.read.all('SELECT digest FROM manifest_content')).toEqual([{ digest: kept?.digest }])
  expect(await metadata.read.all('SELECT DISTINCT digest FROM annotation_piece')).toEqual([{ digest: kept?.digest }])
})

test('a purge of tombstones reads tombstones alone', async () => {
  for (const purge of [...TOMBSTONE_PURGES, MANIFEST_TOMBSTONES]) {
    const plan = await opened.metadata.read.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${purge}`, 9, EPOCH, 10)
    const steps = plan.map(({ detail }) => detail)
    expect(steps.filter((step) => /^SCAN (tag|link|manifest)\b/.test(step))).toEqual([])
    expect(steps.some((step) => /^SEARCH (tag|link|manifest) USING (COVERING )?INDEX \w+_gone \(number<\?\)/.test(step))).toBe(
      true,
    )
  }
})
