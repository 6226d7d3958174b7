import { expect, test } from 'bun:test'
import { openSqlite } from '../../../test/support/each-engine.ts'
import { LongestTurn } from '../../../test/support/longest-turn.ts'
import { rangeFrom, type ShownNames } from '../../oci/name-ranges.ts'
import { FewNames } from '../few-names.ts'
import { Search } from './search.ts'
import { SearchIndex } from './search-index.ts'

const EPOCH = 7
const COUNT = 3_000

const OF_THIRD: ShownNames = { fits: (name) => name.endsWith('3'), ranges: [{ ...rangeFrom(''), pieces: ['3'] }], rules: 'third' }

test('a search that finds very many leaves other requests their turn', async () => {
  const opened = await openSqlite()
  const turns = new LongestTurn({ questionMs: 1.5 })
  const metadata = turns.metadata(opened.metadata)
  await metadata.write(async (query) => {
    await query.run(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO repository (id, name, scanned_epoch) SELECT i, 'team/app-' || i, ? FROM n`,
      ...[COUNT, EPOCH],
    )
    await query.run(
      "INSERT INTO manifest (repository_id, digest, held, linked, number, epoch) SELECT id, 'sha256:a', 1, 1, 0, 7 FROM repository",
    )
    await query.run('INSERT INTO search_entry (repository_id, name, words) SELECT id, name, name || char(10) FROM repository')
    await query.run('DELETE FROM search_pending')
  })
  const search = new Search({
    ...{ metadata, epoch: EPOCH, index: new SearchIndex(metadata), scan: { ensureNames: async () => undefined } },
    fewNames: new FewNames(metadata.read),
  })

  for (const shown of [undefined, OF_THIRD]) {
    for (const query of ['app', 'team', 'p', 'ap pp']) {
      const { longestMs } = await turns.during(() => search.find(query, { first: 0, count: 25 }, shown))

      // Five, and the questions of one step.
      expect(longestMs).toBeLessThanOrEqual(5 + 3 * 1.5)
    }
  }
  await opened.cleanUp()
})
