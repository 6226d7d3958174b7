import { expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { describeOnEachEngine } from '../../../test/support/each-engine.ts'
import { triesAll } from '../../../test/support/effort.ts'
import type { Query } from '../../metadata/query.ts'
import { putEntry } from '../../metadata/search/entries.ts'
import { rangesOf, type ShownNames } from '../../oci/name-ranges.ts'
import { RepositoryGlob } from '../../oci/repository-glob.ts'
import { FewNames, type FewNamesLimits } from '../few-names.ts'
import type { RareTrigramsLimits } from './rare-trigrams.ts'
import { Search } from './search.ts'
import { SearchIndex } from './search-index.ts'

setDefaultTimeout(120_000)

const EPOCH = 7
const DIGEST = `sha256:${'a'.repeat(64)}`
const FEW: Readonly<Record<string, FewNamesLimits>> = {
  'as a server has them': { inRanges: 2_000, kept: 10_000, keptOfAll: 50_000, keptMs: 3_600_000 },
  'where nearly nothing is kept': { inRanges: 2, kept: 3, keptOfAll: 20, keptMs: 3_600_000 },
  'where all is looked at anew': { inRanges: 0, kept: 10_000, keptOfAll: 50_000, keptMs: 0 },
}
/** Only the rarest ones, and by numbers from before the pushes. */
const FEW_TRIGRAMS: RareTrigramsLimits = { few: 0, times: 1, kept: 50, keptMs: 3_600_000 }
const PARTS = ['team', 'app', 'go', 'pa', 'pay', 'payment', 'a']
const SAID = ['', 'a payment service', 'written in go', '日本 service', 'pa pa']
const PATTERNS = ['**', 'team/**', '**/app', '*/pa*', 'go', '**/a', 'pay*/**', '*', 'team/*/app', '**/payment', '*a*']

interface Repository {
  readonly name: string
  readonly said: string
  readonly stars: number
  readonly pulls: number
  /** One without a manifest is none to a caller. */
  readonly isThere: boolean
}

interface Caller {
  /** Its rules: the first that fits decides. Undefined: it may see all. */
  readonly rules: readonly (readonly [pattern: string, mayList: boolean])[] | undefined
  readonly isTold: boolean
}

type Step =
  | { readonly kind: 'push'; readonly repository: Repository }
  | { readonly kind: 'delete'; readonly at: number }
  | { readonly kind: 'search'; readonly query: string; readonly caller: Caller; readonly first: number; readonly count: number }

const name = fc.array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 2 }).map((parts) => parts.join('/'))
const word = fc.constantFrom(...PARTS, 'p', 'o', 'service', '日', 'none', 'team/', 'y s')
const sentence = fc.array(word, { maxLength: 3 }).map((words) => words.join(' '))
const caller: fc.Arbitrary<Caller> = fc.record({
  rules: fc.option(fc.array(fc.tuple(fc.constantFrom(...PATTERNS), fc.boolean()), { maxLength: 4 }), { nil: undefined }),
  isTold: fc.boolean(),
})
const push = fc.record({
  kind: fc.constant('push' as const),
  repository: fc.record({
    ...{ name, said: fc.constantFrom(...SAID), stars: fc.nat(2), pulls: fc.nat(2) },
    isThere: fc.integer({ min: 0, max: 3 }).map((chance) => chance > 0),
  }),
})
const search = fc.record({
  ...{ kind: fc.constant('search' as const), query: fc.oneof(name, word, sentence), caller },
  ...{ first: fc.nat(3), count: fc.integer({ min: 1, max: 20 }) },
})
/** There are more and more repositories. */
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: push },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), at: fc.nat(50) }) },
  { weight: 4, arbitrary: search },
)

/** The obvious way: everything is looked at for each search. */
function expectedOf(all: Iterable<Repository>, { query, caller: { rules } }: Extract<Step, { kind: 'search' }>): string[] {
  const wanted = query.split(/\s+/).filter((word) => word !== '')
  const fits = (of: string) =>
    rules === undefined || rules.find(([pattern]) => RepositoryGlob.find(pattern)?.fits(of) === true)?.[1] === true
  const groupOf = (of: Repository) => {
    if (of.name === query) return 0
    if (of.name.startsWith(query)) return 1
    if (wanted.every((word) => of.name.includes(word))) return 2
    return wanted.every((word) => `${of.name}\n${of.said}`.includes(word)) ? 3 : 4
  }
  const weights = wanted.length === 0 ? [] : (['stars', 'pulls'] as const)
  return [...all]
    .filter((of) => of.isThere && fits(of.name) && groupOf(of) < 4)
    .toSorted((one, other) => {
      const order = wanted.length === 0 ? 0 : groupOf(one) - groupOf(other)
      const [heavier = 0] = weights.map((weight) => other[weight] - one[weight]).filter((difference) => difference !== 0)
      return order || heavier || (one.name < other.name ? -1 : 1)
    })
    .map((of) => of.name)
}

function shownTo({ rules, isTold }: Caller): ShownNames | undefined {
  if (rules === undefined) return undefined
  const compiled = rules.map(([pattern, mayList]) => ({ glob: RepositoryGlob.find(pattern) as RepositoryGlob, mayList }))
  return {
    fits: (of) => compiled.find(({ glob }) => glob.fits(of))?.mayList === true,
    ranges: rangesOf(compiled.filter(({ mayList }) => mayList).map(({ glob }) => glob)),
    rules: isTold ? JSON.stringify(rules) : undefined,
  }
}

async function pushRepository(query: Query, id: number, { name: of, said, stars, pulls, isThere }: Repository): Promise<void> {
  await query.run('INSERT INTO repository (id, name, scanned_epoch) VALUES (?, ?, ?)', id, of, EPOCH)
  await query.run(
    'INSERT INTO manifest (repository_id, digest, held, linked, number, epoch) VALUES (?, ?, CAST(? AS INTEGER), 1, 0, ?)',
    ...[id, DIGEST, Number(isThere), EPOCH],
  )
  const entry = { repositoryId: id, words: `${of}\n${said}\n\n`, description: null, source: null, isAutomated: false }
  await putEntry(query, entry)
  await query.run('INSERT INTO remark (repository, stars) VALUES (?, ?)', of, stars)
  await query.run('INSERT INTO pull_repository (name, shard, total, changed) VALUES (?, 0, ?, 0)', of, pulls)
  await query.run('DELETE FROM search_pending')
}

async function deleteRepository(query: Query, id: number, of: string): Promise<void> {
  await query.run('DELETE FROM manifest WHERE repository_id = ?', id)
  await query.run('DELETE FROM repository WHERE id = ?', id)
  for (const table of ['remark', 'pull_repository'] as const) await query.run(GONE[table], of)
  await query.run('DELETE FROM search_pending')
}

const GONE = {
  remark: 'DELETE FROM remark WHERE repository = ?',
  pull_repository: 'DELETE FROM pull_repository WHERE name = ?',
} as const

describeOnEachEngine('a search', (opened) => {
  test.each(Object.entries(FEW))('finds and orders what the obvious way does, %s', async (_, limits) => {
    const { metadata } = opened()
    let lastId = 0
    const newSearch = () =>
      new Search({
        ...{ metadata, epoch: EPOCH, index: new SearchIndex(metadata), scan: { ensureNames: async () => undefined } },
        fewNames: new FewNames(metadata.read, limits),
        trigrams: limits.kept < 10 ? FEW_TRIGRAMS : undefined,
      })

    const tried = fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 100 }), async (steps) => {
      const all = new Map<string, Repository & { readonly id: number }>()
      const searched = newSearch()
      for (const each of steps) {
        if (each.kind === 'push' && !all.has(each.repository.name)) {
          lastId += 1
          all.set(each.repository.name, { ...each.repository, id: lastId })
          await metadata.write((query) => pushRepository(query, lastId, each.repository))
        } else if (each.kind === 'delete') {
          const gone = [...all.values()][each.at % Math.max(1, all.size)]
          if (gone === undefined) continue
          all.delete(gone.name)
          await metadata.write((query) => deleteRepository(query, gone.id, gone.name))
        } else if (each.kind === 'search') {
          const expected = expectedOf(all.values(), each)
          const { total, found } = await searched.find(each.query, each, shownTo(each.caller))

          expect([total, found.map((of) => of.name)]).toEqual([
            expected.length,
            expected.slice(each.first, each.first + each.count),
          ])
        }
      }
      for (const { id, name: of } of all.values()) await metadata.write((query) => deleteRepository(query, id, of))
    })
    await fc.assert(tried, { numRuns: triesAll ? 300 : 5, endOnFailure: true })
  })
})
