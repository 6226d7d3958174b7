import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { BerthInProcess } from '../../../test/support/berth-in-process.ts'
import { SeededRandom } from '../../../test/support/seeded-random.ts'
import { TemporaryFolder } from '../../../test/support/temporary-folder.ts'
import { putEntry } from '../../metadata/search/entries.ts'
import type { FoundRow } from '../../metadata/search/found.ts'
import { rangesOf, type ShownNames } from '../../oci/name-ranges.ts'
import { RepositoryGlob } from '../../oci/repository-glob.ts'
import { Rest } from '../rest.ts'
import { listAmongFew, listWithWords, type SearchLimits } from './found-lists.ts'
import { searchTermsOf } from './search-terms.ts'

setDefaultTimeout(120_000)

const COUNT = 400
const LETTERS = ['a', 'b', 'c', 'é', '日', '"', '-', ' ', '\n']
/** Small, so that each way is gone. */
const LIMITS: readonly SearchLimits[] = [
  { common: 10_000, trigrams: 1_000, readAll: 1_000, rows: 7 },
  { common: 20, trigrams: 1_000, readAll: 0, rows: 500 },
  { common: 0, trigrams: 0, readAll: 0, rows: 3 },
  { common: 10_000, trigrams: 3, readAll: 0, rows: 500 },
]
const PATTERNS = [
  ['**'],
  ['team-1/**'],
  ['team-1/app-1', 'team-2/*'],
  ['**/app-1'],
  ['team-9/**'],
  ['team-1/*', 'z/**', '*/app-2'],
]

let folder: TemporaryFolder
let berth: BerthInProcess
let all: readonly FoundRow[] = []
const texts = new Map<string, string>()

beforeAll(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  berth = await BerthInProcess.start(folder.join('data'))
  const random = new SeededRandom(7)
  const { metadata, epoch } = berth.opened
  await metadata.write(async (query) => {
    for (let number = 0; number < COUNT; number += 1) {
      const name = `team-${number % 7}/app-${number}`
      const said = Array.from({ length: random.below(12) }, () => LETTERS[random.below(LETTERS.length)] ?? '').join('')
      texts.set(name, `${name}\n${said}\n\n`)
      await query.run('INSERT INTO repository (name, scanned_epoch) VALUES (?, ?)', name, epoch)
    }
    all = await query.all<FoundRow>('SELECT id, name FROM repository')
    for (const { id, name } of all) {
      const entry = { repositoryId: id, words: texts.get(name) ?? '', description: null, source: null, isAutomated: false }
      await putEntry(query, entry)
    }
  })
})
afterAll(async () => {
  await berth[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

function shownTo(patterns: readonly string[]): ShownNames {
  const globs = patterns.map((text) => RepositoryGlob.find(text)).filter((glob) => glob !== undefined)
  return { fits: (name) => globs.some((glob) => glob.fits(name)), ranges: rangesOf(globs) }
}

const QUERIES = [
  ...['a', 'é', '日', '"', 'z', 'q', 'ab', 'é日', '-b', '1', 'aa', 'te', 'xx', 'a b', 'ab té', 'a "', 'cc app'],
  ...['abc', 'app-1', 'team-1 a', 'team app', 'nothing', 'team-3 日 b', '日日', 'a b c é'],
]

test.each(LIMITS)('with %j each way finds what has all words, once, and nothing else', async (limits) => {
  const reading = { read: berth.opened.metadata.read, rest: new Rest() }
  for (const query of QUERIES) {
    const terms = searchTermsOf(query)
    const expected = [...texts].filter(([, text]) => terms.words.every((word) => text.includes(word))).map(([name]) => name)
    for (const shown of [undefined, ...PATTERNS.map(shownTo)]) {
      const found: string[] = []
      for await (const rows of (await listWithWords(reading, terms, shown, limits)) ?? [])
        found.push(...rows.map(({ name }) => name))

      const fits = (name: string) => shown?.fits(name as never) ?? true
      const few = all.filter(({ name }) => fits(name))
      const amongFew: string[] = []
      for await (const rows of (await listAmongFew(reading, terms, few, limits)) ?? [])
        amongFew.push(...rows.map(({ name }) => name))

      expect([query, found.filter(fits).toSorted()]).toEqual([query, expected.filter(fits).toSorted()])
      expect([query, amongFew.filter(fits).toSorted()]).toEqual([query, expected.filter(fits).toSorted()])
    }
  }
})

test('a caller who may see all is shown what the index leads to at once, however common the words are', async () => {
  const steps: number[] = []
  const { read } = berth.opened.metadata
  const uncounted = async () => expect.unreachable('nothing is counted')
  const reading = { read: { ...read, all: read.all.bind(read), get: uncounted }, rest: new Rest() }
  const limits = { common: 20, trigrams: 10, readAll: 10, rows: 50 }

  for await (const rows of (await listWithWords(reading, searchTermsOf('team'), shownTo(['**']), limits)) ?? [])
    steps.push(rows.length)

  expect(steps).toEqual(Array.from({ length: COUNT / 50 }, () => 50).concat(0))
})

test('a caller that may see few of very many is shown them without a look at the others', async () => {
  const { read } = berth.opened.metadata
  const seen: number[] = []
  const counted = {
    ...read,
    all: async (sql: string, ...values: never[]) => {
      const rows = await read.all(sql, ...values)
      seen.push(rows.length)
      return rows
    },
  } as typeof read
  counted.get = read.get.bind(read)

  const reading = { read: counted, rest: new Rest() }
  const list = await listWithWords(reading, searchTermsOf('team'), shownTo(['team-1/app-1', 'team-2/app-2']), {
    common: 20,
    trigrams: 10,
    readAll: 10,
    rows: 500,
  })
  const found: string[] = []
  for await (const rows of list ?? []) found.push(...rows.map(({ name }) => name))

  expect(found).toEqual(['team-1/app-1', 'team-2/app-2'])
  expect(Math.max(...seen)).toBeLessThanOrEqual(1)
})
