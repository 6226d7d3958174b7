import { expect, test } from 'bun:test'
import { countBerth, expectedCounts, risen } from '../../bench/counts/counts.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const COUNT_MS = 300_000
/** On a busy machine a duty of the process looks at its files in each round of a count. What a request costs stays in all of them. */
const COUNTS = 3

describeWith({ programs: ['strace'] }, 'what requests cost, in figures that no machine changes', () => {
  test(
    'has not risen: file calls, fsyncs, bytes, statements (npm run bench -- counts --update writes what is expected)',
    async () => {
      let rise: readonly string[] = ['nothing is counted']
      for (let count = 0; count < COUNTS && rise.length > 0; count += 1) {
        using folder = new TemporaryFolder()
        rise = risen(await countBerth(folder.path), await expectedCounts(folder.path))
      }

      expect(rise).toEqual([])
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
