import { afterEach, beforeEach, expect, test } from 'bun:test'
import { openSqlite } from '../../test/support/each-engine.ts'
import { LongestTurn } from '../../test/support/longest-turn.ts'
import type { OpenedForContract } from '../../test/support/metadata-contract.ts'
import type { Query } from '../metadata/query.ts'
import { rangesOf, type ShownNames } from '../oci/name-ranges.ts'
import { RepositoryGlob } from '../oci/repository-glob.ts'
import { FewNames, type FewNamesLimits } from './few-names.ts'

const LIMITS: FewNamesLimits = { inRanges: 3, kept: 100, keptOfAll: 300, keptMs: 3_600_000 }

let opened: OpenedForContract
/** Names of repositories that were read. */
let readRows = 0

beforeEach(async () => {
  opened = await openSqlite()
  readRows = 0
})
afterEach(async () => await opened.cleanUp())

function fewNames(limits: Partial<FewNamesLimits> = {}): FewNames {
  const { read } = opened.metadata
  const counted: Query = {
    all: async (sql, ...values) => {
      const rows = await read.all(sql, ...values)
      readRows += rows.length
      return rows as never
    },
    get: (sql, ...values) => read.get(sql, ...values),
    run: (sql, ...values) => read.run(sql, ...values),
  }
  return new FewNames(counted, { ...LIMITS, ...limits })
}

function shownTo(...patterns: readonly string[]): ShownNames {
  const globs = patterns.map((text) => RepositoryGlob.find(text)).filter((glob) => glob !== undefined)
  return { fits: (name) => globs.some((glob) => glob.fits(name)), ranges: rangesOf(globs), rules: JSON.stringify(patterns) }
}

async function add(...names: readonly string[]): Promise<void> {
  await opened.metadata.write(async (query) => {
    for (const name of names) await query.run('INSERT INTO repository (name) VALUES (?)', name)
  })
}

async function namesOf(few: FewNames, shown: ShownNames): Promise<readonly string[] | undefined> {
  return (await few.of(shown))?.map(({ name }) => name)
}

test('few names in ranges are read each time, and those of more are not', async () => {
  const few = fewNames()
  await add('team/b', 'team/a', 'z/a')

  expect(await namesOf(few, shownTo('team/**', 'z/a'))).toEqual(['team/a', 'team/b', 'z/a'])
  await add('team/c')
  expect(await namesOf(few, shownTo('team/**', 'z/a'))).toBeUndefined()
  expect(await namesOf(few, shownTo('team/**'))).toEqual(['team/a', 'team/b', 'team/c'])
})

test('of rules without a beginning only repositories that came since are looked at', async () => {
  const few = fewNames()
  await add(...Array.from({ length: 50 }, (_, number) => `team/app-${number}`), 'x/web', 'a/web', 'a/webs')
  expect(await namesOf(few, shownTo('**/web'))).toEqual(['a/web', 'x/web'])
  readRows = 0

  await add('m/web', 'm/other')

  expect(await namesOf(few, shownTo('**/web'))).toEqual(['a/web', 'm/web', 'x/web'])
  expect(readRows).toBe(1)
})

test('other rules are looked at by themselves', async () => {
  const few = fewNames()
  await add('a/web', 'a/app')

  expect(await namesOf(few, shownTo('**/web'))).toEqual(['a/web'])
  expect(await namesOf(few, shownTo('**/app'))).toEqual(['a/app'])
  expect(await namesOf(few, { ...shownTo('**/app'), rules: undefined })).toBeUndefined()
})

test('rules that more names fit than are kept are many from then on', async () => {
  const few = fewNames({ kept: 2 })
  await add('a/web', 'b/web', 'c/web')
  expect(await namesOf(few, shownTo('**/web'))).toBeUndefined()
  readRows = 0

  expect(await namesOf(few, shownTo('**/web'))).toBeUndefined()
  expect(readRows).toBe(0)
})

test('what was asked for longest ago makes room', async () => {
  const few = fewNames({ keptOfAll: 45 })
  await add(...['web', 'app', 'job'].flatMap((end) => Array.from({ length: 10 }, (_, number) => `team-${number}/${end}`)))
  for (const end of ['web', 'app']) await few.of(shownTo(`**/${end}`))
  await few.of(shownTo('**/web'))
  await few.of(shownTo('**/job'))
  readRows = 0

  expect(await namesOf(few, shownTo('**/web'))).toHaveLength(10)
  expect(readRows).toBe(0)
  expect(await namesOf(few, shownTo('**/app'))).toHaveLength(10)
  expect(readRows).toBe(10)
})

test('after their time all names are looked at anew', async () => {
  const few = fewNames({ keptMs: 0 })
  await add('a/web', 'b/web')
  expect(await few.of(shownTo('**/web'))).toHaveLength(2)
  await opened.metadata.write((query) => query.run("DELETE FROM repository WHERE name = 'a/web'"))

  expect(await namesOf(few, shownTo('**/web'))).toEqual(['b/web'])
})

test('a look at all names leaves other work its turn', async () => {
  await opened.metadata.write((query) =>
    query.run(
      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) INSERT INTO repository (name) SELECT 'team/' || i FROM n",
    ),
  )
  const turns = new LongestTurn({ questionMs: 2 })
  const few = new FewNames(turns.watch(opened.metadata.read), LIMITS)

  const { longestMs, tookMs } = await turns.during(async () => expect(await few.of(shownTo('**/web'))).toEqual([]))

  // Three times two questions, and one more that there are no others.
  expect(tookMs).toBe(14)
  expect(longestMs).toBeLessThanOrEqual(8)
})

test('requests at the same time share a look, and each finds what was there before it', async () => {
  const few = fewNames()
  await add(...Array.from({ length: 20 }, (_, number) => `team-${number}/web`))

  const asked = Promise.all(Array.from({ length: 10 }, () => few.of(shownTo('**/web'))))
  expect((await asked).map((names) => names?.length)).toEqual(Array.from({ length: 10 }, () => 20))
  expect(readRows).toBe(20)
})
