import { expect, test } from 'bun:test'
import { countBerth, expectedCounts, risen } from '../../bench/counts/counts.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const COUNT_MS = 120_000

describeWith({ programs: ['strace'] }, 'what requests cost, in figures that no machine changes', () => {
  test(
    'has not risen: file calls, fsyncs, bytes, statements (npm run bench -- counts --update writes what is expected)',
    async () => {
      using folder = new TemporaryFolder()

      const counts = await countBerth(folder.path)

      expect(risen(counts, await expectedCounts(folder.path))).toEqual([])
    },
    COUNT_MS,
  )

  test('is compared figure by figure', () => {
    const expected = { 'blob-get.files.stat': 1, 'blob-get.metadata.reads': 1 }

    expect(risen({ 'blob-get.files.stat': 2, 'blob-get.metadata.reads': 0 }, expected)).toEqual([
      'blob-get.files.stat is 2, expected 1',
    ])
    expect(risen({ 'blob-get.files.list': 0 }, expected)).toEqual(['blob-get.files.list is 0, expected not at all'])
  })
})
