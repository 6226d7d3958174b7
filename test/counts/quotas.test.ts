import { expect, test } from 'bun:test'
import { countStatements, type StatementCounts } from '../../bench/counts/count-statements.ts'
import { RepositoryGlob } from '../../src/oci/repository-glob.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** What quotas cost beyond what is expected without them: reads, and statements in transactions. The rest costs nothing more. */
const MORE: Readonly<Record<string, readonly [reads: number, statements: number]>> = {
  'layer-push': [1, 1],
  mount: [0, 1],
  'manifest-push': [0, 1],
  // Eight layers, a config and the manifest.
  'image-push': [9, 10],
}

test('quotas, however many, cost a read for a request that brings bytes and a statement for what is added; pulls pay nothing', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  const repositories = [RepositoryGlob.find('**')].filter((glob) => glob !== undefined)
  const quota = { name: 'all', repositories, except: [], isEach: false, limitBytes: 1e12, warnBytes: 1e11 }

  const without = await countStatements(folder.path)
  const counted = await countStatements(folder.path, { quotas: [quota, { ...quota, name: 'again' }] })

  const expected = [...without].map(([work, counts]) => [work, plus(counts, MORE[work])] as const)
  expect(Object.fromEntries(counted)).toEqual(Object.fromEntries(expected))
}, 120_000)

function plus(counts: StatementCounts, [reads, statements]: readonly [number, number] = [0, 0]): StatementCounts {
  return { ...counts, reads: counts.reads + reads, statements: counts.statements + statements }
}
